"""The kill sweep: the one process is killed at every failpoint, its recovery too, and every promise holds after each.

After each kill `current` of every server leads to a complete release, everything under releases/ is complete, and at
the end the deployment has ended, says the truth, nothing is left behind, and the audit's chain stands.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest
from django.db import connections

from tests.core.world import World, make_world
from tests.services.openssh import free_port

ROOT = Path(__file__).resolve().parents[2]
#: More than a deployment to two servers passes; the sweep says where it ended.
LAST = 130
#: In `make test` these; all of them in `make soak`.
SHORT = (3, 9, 18, 27, 36, 46, 56, 64, 72, 80)
POINTS = range(1, LAST) if os.environ.get("SHIPROOM_SOAK") else SHORT
pytestmark = pytest.mark.django_db  # the rows are made here, and copied
OVER = {"succeeded", "failed", "cancelled", "rolled_back", "expired"}


def copy(rows: sqlite3.Connection, target: Path) -> None:
    """As `sqlite3 app.db ".backup …"` does, whoever writes meanwhile."""
    with closing(sqlite3.connect(target)) as made:
        rows.backup(made)


class Sweep:
    """A world, a data folder of its own, and a process that forks children to be killed."""

    def __init__(self, world: World, data: Path, rows: sqlite3.Connection, key_file: str | Path) -> None:
        self.world = world
        self.data = data
        self.refs = cycle(("v2", "v1"))
        data.mkdir()
        copy(rows, data / "app.db")
        shutil.copy(key_file, data / "keys.json")
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chatops.settings",
            "SHIPROOM_DATA": str(data),
            "SHIPROOM_GIT_FILE_URLS": "1",
            "SHIPROOM_LOG_LEVEL": "CRITICAL",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.zygote"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, *words: object) -> tuple[int, int]:
        """How the child ended (a signal, or its exit status times 256), and how many failpoints it passed."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        how, passed = self.process.stdout.readline().split()
        return int(how), int(passed)

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def rows(self, query: str, *values: object) -> list[tuple]:
        with closing(sqlite3.connect(f"file:{self.data}/app.db?mode=ro", uri=True)) as rows:
            return rows.execute(query, values).fetchall()

    def newest(self) -> tuple[int, str]:
        return self.rows("select id, status from deploy_core_deployment order by id desc limit 1")[0]


@pytest.fixture(scope="module")
def sweep(request, tmp_path_factory, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        settings = request.getfixturevalue("module_settings")
        boxes, repository, doctors = (request.getfixturevalue(name) for name in ("boxes", "repository", "doctors"))
        world = make_world(repository, boxes, doctors, f"sweep-{free_port()}")
        source = connections["default"]
        source.ensure_connection()
        folder = tmp_path_factory.mktemp("sweep") / "var"
        made = Sweep(world, folder, source.connection, settings.SHIPROOM_KEY_FILE)
        call_flush()
    assert made.order("go", "v1", 0)[0] == 0
    assert current(made) == ["1", "1"]
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_settings():
    from django.conf import settings

    return settings


def call_flush() -> None:
    """The rows were copied; other tests begin with none."""
    from django.core.management import call_command

    call_command("flush", interactive=False, verbosity=0)


def current(sweep: Sweep) -> list[str]:
    return [(sweep.world.folder(number) / "current" / "version").read_text().strip() for number in (0, 1)]


def check_servers(sweep: Sweep) -> None:
    """R4: whatever was interrupted, what is visible is whole."""
    for number in (0, 1):
        folder = sweep.world.folder(number)
        release = (folder / "current").resolve(strict=True)
        assert release.parent.name == "releases"
        for each in (folder / "releases").iterdir():
            if each.is_dir() and not each.name.startswith("."):
                assert each.with_name(f"{each.name}.id").read_text().strip(), f"{each} has no manifest"
                version, built = (each / "version").read_text().strip(), (each / "built").read_text().strip()
                assert built == f"built {version}", f"{each} is not complete"


def check_end(sweep: Sweep, pk: int) -> None:
    """R5, R7, R8, R10, R12: it has ended, says the truth, and leaves nothing behind."""
    [(status, ref, reason)] = sweep.rows("select status, ref, reason from deploy_core_deployment where id = ?", pk)
    assert status in OVER, (status, reason)
    if status == "succeeded":
        assert current(sweep) == [ref.removeprefix("v")] * 2
    numbers = [n for (n,) in sweep.rows("select number from deploy_core_journalentry where deployment_id = ?", pk)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    open_ = "select count(*) from deploy_core_step where deployment_id = ? and status in ('running', 'pending')"
    assert sweep.rows(open_, pk) == [(0,)]
    assert sweep.order("verify")[0] == 0
    for number in (0, 1):
        left = [each.name for each in sweep.world.folder(number).glob(".stage.*")]
        assert left == []


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_failpoint_and_while_it_recovers_every_promise_holds(sweep: Sweep, point: int):
    before = sweep.newest()[0]
    how, _ = sweep.order("go", next(sweep.refs), point)
    check_servers(sweep)
    pk = sweep.newest()[0]
    if how == 0:
        assert pk > before
        check_end(sweep, pk)
        return
    assert how == signal.SIGKILL
    if pk == before:
        return  # killed before the request was there: it never was

    sweep.order("again", pk, point * 7 % 23 + 1)
    check_servers(sweep)
    assert sweep.order("again", pk, 0)[0] == 0
    check_servers(sweep)

    check_end(sweep, pk)


def test_the_sweep_reaches_beyond_the_last_failpoint(sweep: Sweep):
    how, passed = sweep.order("go", next(sweep.refs), 0)

    assert how == 0
    assert max(SHORT) < passed < LAST, "the sweep covers a part of the road only"
    check_end(sweep, sweep.newest()[0])


def test_a_backup_taken_while_it_runs_is_whole_and_can_be_put_back(sweep: Sweep, tmp_path: Path):
    before, copies = sweep.newest()[0], []
    running = threading.Thread(target=sweep.order, args=("go", next(sweep.refs), 0))
    running.start()
    while running.is_alive() and len(copies) < 200:
        with closing(sqlite3.connect(sweep.data / "app.db")) as rows:
            copies.append(tmp_path / f"{len(copies)}.db")
            copy(rows, copies[-1])
        running.join(0.05)
    running.join(60)
    under_way = "select count(*) from deploy_core_deployment where id > ? and finished is null"
    found = []
    for path in copies:
        with closing(sqlite3.connect(path)) as rows:
            assert rows.execute("pragma integrity_check").fetchone() == ("ok",)
            found += [path] if rows.execute(under_way, (before,)).fetchone()[0] else []
    assert found, "no copy was taken while it ran"

    with closing(sqlite3.connect(found[len(found) // 2])) as rows:
        restored = Sweep(sweep.world, tmp_path / "var", rows, sweep.data / "keys.json")
    try:
        words = [sys.executable, "manage.py", "restored"]
        done = subprocess.run(words, cwd=ROOT, env=restored.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert restored.newest()[1] == "failed"
        assert restored.rows("select reason from deploy_core_deployment where id > ?", before) == [("restored",)]
        assert restored.order("verify")[0] == 0
        assert restored.order("go", "v1", 0)[0] == 0
        check_servers(restored)
        check_end(restored, restored.newest()[0])
        assert restored.newest()[1] == "succeeded"
    finally:
        restored.close()
