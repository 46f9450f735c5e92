"""Our side, as a worker has it: `python -m tests.bench.ssh.ours LAB SCENARIO [PART PARTS]`.

It says `ready`, starts at a line of stdin, and prints as JSON the seconds it took, the CPU it used, and by how much its
memory grew meanwhile at most.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy_core.reach import artifacts, ssh, staging
from deploy_core.reach.artifacts import Artifact
from deploy_core.reach.connection import Connection, KeyLogin, ServerAddress
from deploy_core.reach.deltas import Base
from deploy_core.rules.delta import Delta
from deploy_core.rules.remote import Fence

#: As SHIPROOM_SERVERS_AT_ONCE has it by default.
WIDTH = 32
FENCE = Fence(1, 1)


class Fleet:
    def __init__(self, top: Path, part: int = 0, parts: int = 1) -> None:
        about = json.loads((top / "lab.json").read_text())
        self.top = top
        self.login = KeyLogin((top / "key").read_bytes())
        self.servers = [
            (ServerAddress(it["name"], "127.0.0.1", it["port"], about["user"], it["host_key"]), it["app"])
            for it in about["servers"][part::parts]
        ]
        self.width = min(WIDTH // parts, len(self.servers))

    def each(self, act: Callable[[Connection, str], object]) -> None:
        """Connect to every server and do it there; then, when all are done, leave."""

        def one(server: tuple[ServerAddress, str]) -> Connection:
            connection = ssh.connect(server[0], self.login)
            act(connection, server[1])
            return connection

        with ThreadPoolExecutor(self.width) as pool:
            for connection in pool.map(one, self.servers):
                connection.close()

    def bring(self, release: str, *bases: tuple[str, bool]) -> None:
        """Pack, stage everywhere, and only then switch. As in a worker, the first connections are made meanwhile."""
        pool = ThreadPoolExecutor(self.width)
        ahead = {it[0].name: pool.submit(ssh.connect, it[0], self.login) for it in self.servers[: self.width - 1]}
        built = self.packed(release)
        old = self.packed("A").manifest if bases else built.manifest
        delta = Delta(old, built.manifest)
        made_of = tuple(Base(name, delta, is_spare) for name, is_spare in bases)

        def lay_out(server: tuple[ServerAddress, str]) -> Connection:
            way = ahead.get(server[0].name)
            connection = way.result() if way else ssh.connect(server[0], self.login)
            spec = staging.ReleaseSpec(server[1], release, built, FENCE, bases=made_of)
            done = staging.stage(connection, spec)
            if bases and done.base != bases[0][0]:
                raise SystemExit(f"{server[0].name}: not made of {bases[0][0]}: {done}")
            self.sent_bytes = done.sent_bytes
            return connection

        with pool:
            connections = list(pool.map(lay_out, self.servers))
            paths = [path for _, path in self.servers]
            list(
                pool.map(lambda it: staging.switch(it[0], it[1], release, FENCE), zip(connections, paths, strict=True))
            )
            for connection in connections:
                connection.close()

    def packed(self, release: str) -> Artifact:
        known = self.kept.get(release)
        return known or artifacts.store(self.top / release, self.top / "artifacts")

    sent_bytes = 0
    #: Packed before the clock runs: what was deployed the time before.
    kept: dict[str, Artifact] = {}


def prepare(fleet: Fleet, scenario: str) -> None:
    """What was deployed before this deployment."""
    if not scenario.startswith("incremental"):
        return
    fleet.kept["A"] = fleet.packed("A")

    def lay(connection: Connection, path: str) -> None:
        for name in ("oldest", "A") if scenario == "incremental" else ("A",):
            staging.stage(connection, staging.ReleaseSpec(path, name, fleet.kept["A"], FENCE))
        staging.switch(connection, path, "A", FENCE)

    fleet.each(lay)


def main(top: str, scenario: str, part: str = "0", parts: str = "1") -> None:
    fleet = Fleet(Path(top), int(part), int(parts))
    prepare(fleet, scenario)
    print("ready", flush=True)
    sys.stdin.readline()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak until now (proc(5))
    held = _memory_mb("VmRSS")
    began, used = time.perf_counter(), _cpu_s()
    match scenario:
        case "connect":
            fleet.each(lambda connection, path: connection.run(("true",)).check("true"))
        case "full":
            fleet.bring("A")
        case "large":
            fleet.bring("L")
        case "incremental":
            fleet.bring("B", ("oldest", True))
        case "incremental-hardlink":
            fleet.bring("B", ("A", False))
    took = {"wall_s": time.perf_counter() - began, "client_cpu_s": _cpu_s() - used, "sent_bytes": fleet.sent_bytes}
    took["memory_mb"] = round(_memory_mb("VmHWM") - held, 1)
    print(json.dumps(took), flush=True)


def _memory_mb(name: str) -> float:
    """A line of proc(5)'s status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(it.ru_utime + it.ru_stime for it in used)


if __name__ == "__main__":
    main(*sys.argv[1:])
