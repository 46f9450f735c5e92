"""A SQLite database that has all tables: made once per run by `manage.py migrate`, by whichever process needs it first,
and copied for tests and for servers that begin anew.

`manage.py demo --check` (tests/demo) begins from nothing.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.settings import FOLDER_OF_RUN

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 180
_NAME = "app.db"


def begin(data: Path) -> None:
    """Let the data folder `data`, if it has no database yet, begin with one that is migrated."""
    if not (data / _NAME).exists():
        data.mkdir(parents=True, exist_ok=True)
        copy(data / _NAME)


def copy(path: Path) -> None:
    """Write the database to `path`."""
    made = Path(FOLDER_OF_RUN, "migrated")
    with Path(FOLDER_OF_RUN, "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / _NAME).exists():
            _make(made)
    shutil.copyfile(made / _NAME, path)


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # somebody else was stopped on the way
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    begun = folder.with_name("migrating")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=kept | {"DJANGO_SETTINGS_MODULE": "chatops.settings", "SHIPROOM_DATA": str(begun)},
        stdin=subprocess.DEVNULL,
        timeout=LIMIT_S,
        check=True,
    )
    left = [path.name for path in begun.glob(f"{_NAME}-*")]
    assert not left, f"the database is not whole without {left}"
    begun.rename(folder)
