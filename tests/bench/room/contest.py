"""Servers that are up at the same time, each with a room full of members, and are measured in turns."""

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import redis as redis_client

from tests.bench.room import page, peers
from tests.bench.room.ours import Ours
from tests.bench.room.peers import Peer
from tests.waiting import wait_until

TICKS = os.sysconf("SC_CLK_TCK")
#: Measured in turns, of so many seconds after so many to warm up; and what is measured once.
IN_TURNS = ("single", "rate-60")
TURN_S, TURN_WARM_S = 1.5, 0.3
ONCE_S, ONCE_WARM_S = 5.0, 1.5
Row = dict[str, Any]


class Contestant:
    """A server with its members in."""

    def __init__(self, name: str, size: int, data: Path) -> None:
        self.name = name
        self.size = size
        self._data = data
        self._stack = ExitStack()
        self._begin()

    def _begin(self) -> None:
        """Raises:
        SystemExit: the server does not take so many members.
        """
        process, words = self._stack.enter_context(_running(self.name, self.size, self._data))
        self._pid = process.pid
        empty_kb = _resident_kb(self._pid)
        argv = [str(self._data / "members"), *words[:3], str(self.size), *words[3:]]
        self._client = self._stack.enter_context(
            subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        self._stack.callback(self._client.kill)
        if self._next_word() != f"in {self.size}":
            raise SystemExit(f"{self.name} did not take {self.size} members")
        self._per_connection_kb = (_resident_kb(self._pid) - empty_kb) / self.size

    def measure(self, scenario: str, seconds: float, warm_s: float) -> Row:
        """What one turn showed. A server that could not keep up is started anew, for a clean begin of the next one."""
        assert self._client.stdin
        self._client.stdin.write(f"{scenario} {seconds} {warm_s}\n")
        self._client.stdin.flush()
        assert self._next_word().startswith("start")
        began_s = _cpu_s(self._pid)
        assert self._next_word().startswith("end")
        used_s = _cpu_s(self._pid) - began_s
        told = json.loads(self._next_word())
        row = {
            "server": self.name,
            "scenario": told["scenario"],
            "members": self.size,
            "deliveries_per_s": round(told["deliveries"] / told["seconds"]),
            "per_cpu_s": round(told["deliveries"] / max(used_s, 1 / TICKS)),
            "p50_ms": told["p50_ms"],
            "p99_ms": told["p99_ms"],
            "kb_per_connection": round(self._per_connection_kb, 1),
            "missing": told["missing"],
        }
        if told["missing"]:
            self.leave()
            self._begin()
        return row

    def _next_word(self) -> str:
        assert self._client.stdout
        return self._client.stdout.readline().strip()

    def leave(self) -> None:
        """Stop the server and its members."""
        self._stack.close()


@contextmanager
def entering(name: str, size: int, data: Path) -> Iterator[Contestant]:
    """A contestant for the length of the block."""
    contestant = Contestant(name, size, data)
    try:
        yield contestant
    finally:
        contestant.leave()


def hold(contestants: Sequence[Contestant], scenario: str, turns: int) -> list[Row]:
    """A row per contestant: its one measurement, or the medians of its turns, which stand under `turns`."""
    if scenario not in IN_TURNS:
        return [each.measure(scenario, ONCE_S, ONCE_WARM_S) for each in contestants]
    found: dict[str, list[Row]] = {each.name: [] for each in contestants}
    for _ in range(turns):
        for each in contestants:
            if not any(row["missing"] for row in found[each.name]):
                found[each.name].append(each.measure(scenario, TURN_S, TURN_WARM_S))
    return [_medians(rows) for rows in found.values()]


def _medians(turns: list[Row]) -> Row:
    figures = {name: type(turns[0][name])(median(turn[name] for turn in turns)) for name in page.FIGURES}
    return turns[-1] | figures | {"turns": turns}


@contextmanager
def _running(name: str, size: int, data: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """A server that answers, and what the load client has to be told of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shiproom-bench-")))
        if name == page.OURS:
            ours = Ours(folder / "ours", size)
            process = ours.start()
            port = ours.origin.rsplit(":", 1)[1]
            words = [port, "/rt/ws", page.OURS, str(ours.cookies), ours.origin, ours.room]
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


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
