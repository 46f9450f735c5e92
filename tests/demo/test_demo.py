"""`manage.py demo`, as people start and end it."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.services import migrated
from tests.services.shiproom import ROOT, Shiproom
from tests.waiting import wait_until


@pytest.fixture
def room() -> Iterator[Shiproom]:
    """A demo that was not started yet, in a folder with a short name; `--check` below begins without a database."""
    with tempfile.TemporaryDirectory(prefix="shiproom-", ignore_cleanup_errors=True) as folder:
        room = Shiproom(Path(folder, "var"))
        migrated.begin(room.data)
        yield room
        room.stop()


def started_by(room: Shiproom) -> set[int]:
    """The demo's process, its SSH servers, and what runs on them."""
    assert room.process is not None
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found = {room.process.pid, *room.children_left()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def alive(pids: set[int]) -> set[int]:
    """Those of `pids` that still run; a zombie does not."""
    left = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                left.add(pid)
    return left


def runs_everywhere(room: Shiproom, environment: str, version: str) -> bool:
    return room.versions(environment) == dict.fromkeys(("web-1", "web-2", "web-3"), version)


def test_the_demo_leaves_nothing_behind_and_goes_on_where_it_was(room):
    room.start()
    wait_until(lambda: room.newest_deployment() == 1, what="the demo's own deployment")
    assert room.ended(1) == ("succeeded", "")
    assert runs_everywhere(room, "production", "1.1.0")
    first_links, places = dict(room.links), room.placements("production")
    assert room.manage("demo").returncode == 1
    if os.geteuid() == 0:
        assert "Running as root" in room.tail()

    running = started_by(room)
    room.kill()

    assert len(running) >= 5  # the demo, its servers, three copies of the shop
    wait_until(lambda: not alive(running), what="kill -9 ends all that the demo started")

    room.start()

    assert room.placements("production") == places
    assert set(room.links.values()).isdisjoint(first_links.values())
    wait_until(lambda: runs_everywhere(room, "production", "1.1.0"), what="the copies run again")
    assert room.newest_deployment() == 1
    assert room.process is not None

    running = started_by(room)
    room.process.send_signal(2)
    assert room.process.wait(30) == 0

    wait_until(lambda: not alive(running), what="Ctrl-C ends all that the demo started")


def test_the_check_walks_the_whole_road(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--check"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "alice comes in by her link" in done.stdout
    assert "/deploy shop to staging: succeeded" in done.stdout
    assert "/deploy shop/broken to production: rolled_back (health_failed)" in done.stdout
    assert "All as it must be" in done.stdout
    assert not list(tmp_path.glob("shiproom-check-*"))


@pytest.mark.parametrize("count", ["0", "201", "x", "-3"])
def test_a_number_of_servers_that_cannot_be_is_refused(count):
    with pytest.raises(CommandError, match="a number from 1 to 200"):
        call_command("demo", f"--servers={count}")
