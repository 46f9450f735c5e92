"""Fills a room with members on each server and measures: how many messages reach members, how late, at what cost.

Writes docs/benchmarks/room.json whole and its part of docs/benchmarks.md. `--quick`: 1,000 members only, under five
minutes. `--members 200`, `--servers ws,picows`, `--scenarios single`: only so much, and nothing is written.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis as redis_client

from tests.bench.room import beside, page, peers
from tests.bench.room.ours import Ours
from tests.bench.room.peers import Peer
from tests.waiting import wait_until

HERE = Path(__file__).parent
HOME = HERE.parents[2]
OURS = "shiproom"
SCENARIOS = ("single", "rate-5", "rate-60", "saturated")
SIZES = (200, 1000, 2000)
SECONDS = 5.0
#: Files that stay open beside the members' sockets, in the client and in each server.
FILES_BESIDE = 400
TICKS = os.sysconf("SC_CLK_TCK")
Row = dict[str, Any]


def main() -> int:
    asked = argparse.ArgumentParser(prog="make bench-room", description=__doc__)
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--members", type=int)
    asked.add_argument("--servers", default="")
    asked.add_argument("--scenarios", default=",".join(SCENARIOS))
    asked.add_argument("--seconds", type=float, default=SECONDS)
    words = asked.parse_args()
    sizes = (words.members,) if words.members else (1000,) if words.quick else SIZES
    named = words.servers.split(",") if words.servers else [OURS, *(peer.name for peer in peers.PEERS)]
    if fault := _lacking(max(sizes)):
        print(fault, file=sys.stderr)
        return 2
    data = Path(os.environ.get("SHIPROOM_DATA", HOME / "var")) / "bench-room"
    peers.install(data)
    client = data / "members"
    subprocess.run(["gcc", "-O2", "-o", str(client), str(HERE / "members.c")], check=True)
    rows: list[Row] = []
    for size in sizes:
        for name in named:
            found = _server(name, size, words.scenarios.split(","), words.seconds, data)
            rows += found
            page.compare(rows)
            print("\n".join(map(page.line, found)) or f"{name} did not take {size} members", flush=True)
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


def _server(name: str, size: int, scenarios: list[str], seconds: float, data: Path) -> list[Row]:
    """One server in all scenarios; after one in which it could not keep up it is started anew, for a clean begin."""
    rows: list[Row] = []
    left = list(scenarios)
    while left:
        with _running(name, size, data) as (process, words):
            found = _measure(process, [str(data / "members"), *words[:3], str(size), ",".join(left), str(seconds),
                                       *words[3:]])  # fmt: skip
        if not found:
            break
        rows += [row | {"server": name, "members": size} for row in found]
        left = left[len(found) :]
    return rows


@contextmanager
def _running(name: str, size: int, data: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """A server that answers, and what the load client has to be told of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shiproom-bench-")))
        if name == OURS:
            ours = Ours(folder / "ours", size)
            process = ours.start()
            port = ours.origin.rsplit(":", 1)[1]
            words = [port, "/rt/ws", OURS, str(ours.cookies), ours.origin, ours.room]
        else:
            peer = next(peer for peer in peers.PEERS if peer.name == name)
            port = str(_free_port())
            url = stack.enter_context(_redis(folder)) if peer.needs_redis else ""
            process = _start(peer, data, port, url)
            words = [port, peer.path, peer.kind]
        try:
            yield process, words
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _start(peer: Peer, data: Path, port: str, redis_url: str) -> subprocess.Popen[bytes]:
    with (data / f"{peer.name}.log").open("wb") as log:
        process = subprocess.Popen(
            peers.argv(peer, data, int(port), redis_url),
            cwd=data, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def answers() -> bool:
        if process.poll() is not None:
            raise SystemExit((data / f"{peer.name}.log").read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(port))) == 0

    wait_until(answers, what=f"{peer.name} answers")
    return process


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    """A Redis on a port of its own, which keeps nothing."""
    from tests.services import redis as redis_service  # with it come the settings of tests, and their data folder

    port = _free_port()
    process = subprocess.Popen(
        [redis_service.program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def answers() -> bool:
        try:
            return bool(redis_client.Redis(port=port).ping())
        except redis_client.ConnectionError:
            return False

    try:
        wait_until(answers, what="Redis answers")
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _measure(process: subprocess.Popen[bytes], argv: list[str]) -> list[Row]:
    """Run the load client and read what it says; the server's own cost is looked up when it says so."""
    rows: list[Row] = []
    size = int(argv[4])
    empty_kb = _resident_kb(process.pid)
    per_connection, began_cpu_s, used_s = 0.0, 0.0, 0.0
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        for line in client.stdout:
            word = line.split()[0]
            if word == "in":
                per_connection = (_resident_kb(process.pid) - empty_kb) / size
            elif word == "start":
                began_cpu_s = _cpu_s(process.pid)
            elif word == "end":
                used_s = _cpu_s(process.pid) - began_cpu_s
            else:
                told = json.loads(line)
                rows.append(
                    {
                        "scenario": told["scenario"],
                        "deliveries_per_s": round(told["deliveries"] / told["seconds"]),
                        "per_cpu_s": round(told["deliveries"] / max(used_s, 1 / TICKS)),
                        "p50_ms": told["p50_ms"],
                        "p99_ms": told["p99_ms"],
                        "kb_per_connection": round(per_connection, 1),
                        "missing": told["missing"],
                        "gone": told["gone"],
                    }
                )
    return rows


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


if __name__ == "__main__":
    sys.exit(main())
