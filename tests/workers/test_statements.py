"""Our own statements do and read on Postgres what they do and read on SQLite."""

import json

from tests.workers.installation import Installation
from tests.workers.rows import walk

_CODE = """
import json
from tests.workers.rows import walk
print(json.dumps(walk()))
"""


def test_a_walk_over_them_is_the_same_on_both_databases(installation: Installation, db: None) -> None:
    there = json.loads(installation.web.manage("shell", "--no-imports", "-c", _CODE).splitlines()[-1])

    here = json.loads(json.dumps(walk()))

    assert there == here
    codes = ["locked_now", "locked_now", "locks", "unlocked", "frozen_now", "freezes", "frozen", "unfrozen"]
    assert [code for _, code in here[:10]] == [*codes, "unknown_env", "requested"]
    assert here[10:13] == ["accepted", True, False]
    assert here[-4:] == [True, None, "fenced", []]
