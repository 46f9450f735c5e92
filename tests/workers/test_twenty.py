"""Twenty people type `/deploy` at the same moment, for one environment: each is heard, and all run in order."""

import json
from itertools import pairwise

from tests.workers.holding import pipeline
from tests.workers.installation import Installation

AT_ONCE = """
import json, threading
from concurrent.futures import ThreadPoolExecutor
from chatops.room import messages
from chatops.room.models import Room
from deploy_core.models import Person
alice, room, together = Person.objects.get(username="alice"), Room.objects.get(slug="demo"), threading.Barrier(20)

def ask(number):
    together.wait()
    line = {"text": "/deploy shop to edge", "client_id": f"twenty-{number}", "surface": "shell"}
    return messages.post(author=alice, room=room, **line)["deployment"]

with ThreadPoolExecutor(20) as pool:
    print(json.dumps(list(pool.map(ask, range(20)))))
"""


def test_twenty_at_once_run_one_after_the_other(installation: Installation) -> None:
    installation.use(pipeline())
    told = installation.web.manage("shell", "--no-imports", "-c", AT_ONCE)
    numbers = sorted(json.loads(told.splitlines()[-1]))
    assert len(set(numbers)) == 20

    for number in numbers:
        assert installation.ended(number, 180) == "succeeded", installation.told(number)

    times = installation.rows(
        "SELECT started, finished FROM deploy_core_deployment WHERE id = ANY(%s) ORDER BY id", numbers
    )
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    assert set(installation.currents("edge")) == {installation.release(numbers[-1])}
