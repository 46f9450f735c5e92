"""How a deployment is held up in each phase, so that a worker can be killed right there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Phases with the kind of step that runs then, and how deploy.yml holds it up; `GO` is a file that lets it pass.
HOLDS = {
    "fetch": ("fetch", ""),  # by the mirrors' locks
    "build": ("build", "build: {commands: ['until test -e GO; do sleep 0.05; done', 'date > built'], timeout: 60}\n"),
    "upload": ("stage", ""),  # by its size
    "switched": (
        "switch",
        "hooks: {after_switch: ['until test -e GO; do sleep 0.05; done']}\nrestart: {command: 'true'}\n",
    ),
    "health": ("health", "health: {command: test -e GO, timeout: 50, interval: 0.1}\n"),
}


def pipeline(phase: str = "", go: Path = Path()) -> str:
    """The text of a deploy.yml that holds a deployment up in `phase` (none: nowhere) until `go` is there."""
    return "keep: 5\n" + (HOLDS[phase][1].replace("GO", str(go)) if phase else "")


@contextmanager
def mirrors_locked(folders: list[Path]) -> Iterator[None]:
    """No fetch into a mirror of these data folders gets anywhere."""
    locks = []
    for folder in folders:
        for mirror in (folder / "mirrors").glob("*.git"):
            lock = os.open(mirror.with_name(mirror.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            locks.append(lock)
    try:
        yield
    finally:
        for lock in locks:
            os.close(lock)
