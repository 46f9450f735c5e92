"""Nothing is lost and nothing doubled, whatever happens on the way: the fault model, on both databases."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.room.faults import PAGES, SERVERS
from tests.services import migrated, postgres

ROOT = Path(__file__).resolve().parent.parent.parent
IS_SOAK = bool(os.environ.get("SHIPROOM_SOAK"))
SEEDS = list(range(1, 301 if IS_SOAK else 21))
#: So many seeds share a process, and a moment: more would only wait for each other.
AT_ONCE = 20
#: What is left out in `make test` too; each of these fails at once, and not by waiting for what never comes.
SHORT = ("gaps", "copies", "once")


def _run(folder: Path, seeds: list[int], *words: str, database: str = "") -> tuple[int, list[dict[str, object]], str]:
    """Exit status, what was found, and what else was said."""
    (folder / "static").mkdir(parents=True, exist_ok=True)
    kept = {
        name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL", "PUBLIC_URL")
    }
    around = kept | {
        "SHIPROOM_DATA": str(folder),
        "DJANGO_SETTINGS_MODULE": "chatops.settings",
        "SHIPROOM_LOG_LEVEL": "ERROR",
        "SHIPROOM_HUB_TICK_S": "0.1",
        "SHIPROOM_HEARTBEAT_S": "0.3",
        "SHIPROOM_SEND_RATE": "100000",
        "SHIPROOM_ASK_RATE": "100000",
        "SHIPROOM_POLLS_PER_PERSON": "1000",
        # Postgres ends a transaction whose process is silent; a machine that runs all tests at once makes it so.
        "SHIPROOM_EXECUTOR_SILENT_S": "120",
        "SHIPROOM_SOCKETS_PER_PERSON": "1000",
    }
    around |= {"DATABASE_URL": database} if database else {}
    done = subprocess.run(
        [sys.executable, "-m", "tests.room.faults", *map(str, seeds), *words],
        cwd=ROOT, env=around, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, found, done.stderr


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    """A data folder whose database has all tables: to make them takes longer than what is tested here."""
    folder = tmp_path_factory.mktemp("migrated") / "var"
    migrated.begin(folder)
    return folder


def test_every_member_has_every_event_once_and_in_order_on_sqlite(tmp_path, begun):
    shutil.copytree(begun, tmp_path / "var")
    for first in range(0, len(SEEDS), AT_ONCE):
        status, found, said = _run(tmp_path / "var", SEEDS[first : first + AT_ONCE])

        assert len(found) == AT_ONCE, said
        assert [result for result in found if result["faults"]] == []
        assert (status, said) == (0, "")


def test_every_member_has_every_event_once_and_in_order_on_postgres(tmp_path, postgres_url):
    with postgres.empty_database(postgres_url) as database:
        for first in range(0, len(SEEDS), AT_ONCE):
            status, found, said = _run(tmp_path / "var", SEEDS[first : first + AT_ONCE], database=database)

            assert len(found) == AT_ONCE, said
            assert [result for result in found if result["faults"]] == []
            assert (status, said) == (0, "")


def test_without_any_one_protection_it_would_not_hold(tmp_path, begun):
    names = (*PAGES, *SERVERS) if IS_SOAK else SHORT
    count = 60 if IS_SOAK else 4

    def fails(name: str) -> bool:
        shutil.copytree(begun, tmp_path / name)
        words = ("--without", name, "--patience-s", "4")
        return any(result["faults"] for result in _run(tmp_path / name, SEEDS[:count], *words)[1])

    with ThreadPoolExecutor(3) as pool:
        assert dict(zip(names, pool.map(fails, names), strict=True)) == dict.fromkeys(names, True)
