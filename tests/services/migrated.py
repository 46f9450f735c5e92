"""A database that has all tables: made once per process by `manage.py migrate`, copied for servers that begin anew.

Tests of beginning from nothing (tests/demo) do without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 180
_NAME = "app.db"


def begin(data: Path) -> None:
    """Let the data folder `data`, if it has no database yet, begin with one that is migrated."""
    if not (data / _NAME).exists():
        data.mkdir(parents=True, exist_ok=True)
        (data / _NAME).write_bytes(_database())


@cache
def _database() -> bytes:
    folder = tempfile.mkdtemp(prefix="shiproom-migrated-")
    given = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    try:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env=given | {"DJANGO_SETTINGS_MODULE": "chatops.settings", "SHIPROOM_DATA": folder},
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=True,
        )
        left = [path.name for path in Path(folder).glob(f"{_NAME}-*")]
        assert not left, f"the database is not whole without {left}"
        return Path(folder, _NAME).read_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
