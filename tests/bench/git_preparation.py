"""Git preparation against a full clone: `python -m tests.bench.git_preparation`.

A repository of thousands of commits is made here. Preparation is what a deployment does with its mirror: fetch (five
new commits each time), resolve the ref, export the tree. The goal is a tenth of the time of a clone, or less. Both
happen in memory where there is enough of it: what a disk takes for the files of the tree is the same for both.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy_core.reach.git import Mirror

COMMITS, FILES, NEW, ROUNDS = 10_000, 300, 5, 7
GOAL = 10.0
ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "chatops.settings"
    os.environ["SHIPROOM_GIT_FILE_URLS"] = "1"
    memory = Path("/dev/shm")
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1024**3
    with tempfile.TemporaryDirectory(prefix="shiproom-bench-", dir=memory if is_roomy else None) as folder:
        top = Path(folder)
        os.environ["SHIPROOM_DATA"] = str(top / "var")
        origin = top / "origin.git"
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(origin))
        _import(origin, _commits(COMMITS, start=0))
        _git("-C", str(origin), "repack", "-adq")
        mirror = Mirror(top / "mirror.git", f"file://{origin}")
        mirror.fetch()
        clones, preparations = [], []
        for number in range(ROUNDS):
            _import(origin, _commits(NEW, start=COMMITS + number * NEW))
            clones.append(_timed(lambda to=top / f"clone-{number}": _git("clone", "--quiet", mirror.url, str(to))))
            preparations.append(_timed(lambda to=top / f"tree-{number}": _prepare(mirror, to)))
            _compare(top / f"clone-{number}", top / f"tree-{number}")
    clone, preparation = statistics.median(clones), statistics.median(preparations)
    ratio = clone / preparation
    print(f"repository of {COMMITS:,} commits and {FILES} files, median of {ROUNDS} rounds, {NEW} new commits in each")
    print(f"full clone       {clone * 1000:8.1f} ms")
    print(f"git preparation  {preparation * 1000:8.1f} ms   {ratio:.1f} times faster (goal: {GOAL:.0f})")
    return 0 if ratio >= GOAL else 1


def _prepare(mirror: Mirror, to: Path) -> None:
    to.mkdir()
    mirror.fetch()
    mirror.archive(mirror.resolve("main").id, to)


def _compare(clone: Path, tree: Path) -> None:
    """The two ways must give the same files, or their times mean nothing."""
    shutil.rmtree(clone / ".git")
    subprocess.run(["diff", "-r", str(clone), str(tree)], check=True)
    shutil.rmtree(clone)
    shutil.rmtree(tree)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _git(*argv: str, data: bytes | None = None) -> None:
    subprocess.run(["git", *argv], check=True, env=ENVIRONMENT, input=data)


def _import(origin: Path, stream: Iterator[bytes]) -> None:
    _git("-C", str(origin), "fast-import", "--quiet", "--date-format=raw", data=b"".join(stream))


def _commits(count: int, *, start: int) -> Iterator[bytes]:
    """A fast-import stream on `main`: the first commit makes all files, each other changes two."""
    chance = random.Random(start)
    for number in range(start, start + count):
        subject = b"Commit %d" % number
        yield b"commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\n" % (1_700_000_000 + number * 60)
        yield b"data %d\n%b\n" % (len(subject), subject)
        if number == start and start:
            yield b"from refs/heads/main^0\n"
        for file in range(FILES) if number == 0 else chance.sample(range(FILES), 2):
            content = b"".join(b"line %d %032x\n" % (line, chance.getrandbits(128)) for line in range(60))
            yield b"M 100644 inline package/%d/module_%d.py\ndata %d\n%b\n" % (file % 20, file, len(content), content)


if __name__ == "__main__":
    sys.exit(main())
