"""Fills a room with members on each server and measures: how many messages reach members, how late, at what cost.

All servers are up, each with its members in, and are measured one after the other; one message at a time and 60 a
second in short turns, because a machine is faster in one minute than in the next. The median of the turns counts.

Writes docs/benchmarks/room.json whole and its part of docs/benchmarks.md. `--quick`: 1,000 members only, under five
minutes. `--members 200`, `--servers ws,picows`, `--scenarios single`, `--turns 9`: only so much, and nothing written.
"""

import argparse
import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.room import beside, contest, page, peers
from tests.bench.room.ours import Ours

HERE = Path(__file__).parent
HOME = HERE.parents[2]
OURS = "shiproom"
SCENARIOS = ("single", "rate-5", "rate-60", "saturated")
SIZES = (200, 1000, 2000)
TURNS, QUICK_TURNS = 5, 3
#: Files that stay open beside the members' sockets, in the client and in each server.
FILES_BESIDE = 400
Row = dict[str, Any]


def main() -> int:
    asked = argparse.ArgumentParser(prog="make bench-room", description=__doc__)
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--members", type=int)
    asked.add_argument("--servers", default="")
    asked.add_argument("--scenarios", default=",".join(SCENARIOS))
    asked.add_argument("--turns", type=int)
    words = asked.parse_args()
    sizes = (words.members,) if words.members else (1000,) if words.quick else SIZES
    turns = words.turns or (QUICK_TURNS if words.quick else TURNS)
    named = words.servers.split(",") if words.servers else [OURS, *(peer.name for peer in peers.PEERS)]
    if fault := _lacking(max(sizes)):
        print(fault, file=sys.stderr)
        return 2
    data = Path(os.environ.get("SHIPROOM_DATA", HOME / "var")) / "bench-room"
    peers.install(data)
    subprocess.run(["gcc", "-O2", "-o", str(data / "members"), str(HERE / "members.c")], check=True)
    rows: list[Row] = []
    for size in sizes:
        with ExitStack() as stack:
            contestants = [stack.enter_context(contest.entering(name, size, data)) for name in named]
            for scenario in words.scenarios.split(","):
                found = contest.hold(contestants, scenario, turns)
                page.compare(found)
                print("\n".join(map(page.line, found)), flush=True)
                rows += found
    others = _beside() if not (words.members or words.servers) else {}
    is_whole = not (words.members or words.servers) and words.scenarios == ",".join(SCENARIOS)
    if is_whole:
        page.write(
            HOME, rows, others, [f"{name} {version}" for name, version in peers.NODE.items()] + list(peers.PYTHON)
        )
    return 0


def _beside() -> Row:
    """Lines stored per second by one process, and what of 4,000 long polls that are parked in one."""
    with tempfile.TemporaryDirectory(prefix="shiproom-bench-") as folder:
        ours = Ours(Path(folder, "ours"), beside.PARKED // beside.PER_PERSON + 1)
        lines_per_s = beside.stored_per_s(ours)
        process = ours.start()
        try:
            polls = asyncio.run(beside.parked(ours, process.pid))
        except TimeoutError:
            print("4,000 parked long polls did not all get a line in a minute", flush=True)
            return {}
        finally:
            process.kill()
            process.wait()
    print(f"{lines_per_s:,} lines stored per second; {polls}", flush=True)
    return {"lines_per_s": lines_per_s, "polls": polls}


def _lacking(members: int) -> str:
    """What this machine lacks, in words; "" when nothing is. Raises the limit of open files as far as it may."""
    for program, how in (("gcc", "apt-get install gcc"), ("node", "install Node.js 20 or newer"), ("npm", "and npm")):
        if shutil.which(program) is None:
            return f"{program} is needed for the load client and the servers compared with: {how}."
    wanted = max(members, beside.PARKED) + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return f"{wanted} open files are needed, {hard} are allowed: ulimit -n {wanted}, as root."
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return ""


if __name__ == "__main__":
    sys.exit(main())
