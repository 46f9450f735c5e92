"""A deployment's state as the rows of its page: its steps, batch by batch, and its servers. Pure.

`static/js/rows.js` mirrors this, so that nothing moves when the script takes over; tests/deployments/test_rows.py
compares the two.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

from chatops.room.graph import status_of

Json = Mapping[str, Any]

#: Up to so many servers stand in the list with all their steps, and up to so many one below the other at all.
MOST_OPEN = 6
MOST_SERVERS = 40
MOST_BATCHES = 12
TROUBLE = frozenset({"failed", "timed_out", "lost"})
LOUD = TROUBLE | {"running"}
#: Of very many servers so many of a batch that is closed are named: those in trouble.
MOST_TROUBLE = 4
#: The steps of a server, in the order of the table's columns.
KINDS = ("stage", "switch", "restart", "health", "task")
#: A step is slow when it took so many times the middle of its column, and at least so long.
SLOW_TIMES = 3
SLOW_S = 5.0


class Server(NamedTuple):
    """One server with its steps; `is_back`: it was switched back to what it ran before."""

    name: str
    steps: list[Json]
    status: str
    is_back: bool


class Batch(NamedTuple):
    """Servers that stand together; `is_real`: they switch together, else there are only too many for one list."""

    number: int
    servers: list[Server]
    is_real: bool

    @property
    def done(self) -> int:
        return sum(is_done(each) for each in self.servers)

    @property
    def status(self) -> str:
        return status_of(step for each in self.servers for step in each.steps)


class Row(NamedTuple):
    """A line of the step list: `kind` is step, fleet, batch, server (with the step that says most) or part."""

    kind: str
    key: str
    step: Json | None = None
    server: Server | None = None
    batch: Batch | None = None


def servers_of(state: Json) -> list[Server]:
    """Every server of a deployment in the order of its plan."""
    found: dict[str, list[Json]] = defaultdict(list)
    for step in state["steps"]:
        if step["server"]:
            found[step["server"]].append(step)
    return [
        Server(
            name,
            steps,
            status_of(steps),
            any(step["kind"] == "back" and step["status"] == "succeeded" for step in steps),
        )
        for name, steps in found.items()
    ]


def is_done(server: Server) -> bool:
    """Whether the deployment did there what it was asked for."""
    return server.status == "succeeded" and not server.is_back


def batches_of(state: Json, servers: list[Server]) -> list[Batch]:
    """Those that switch together, in turn; where there is only one batch, equal parts of very many servers."""
    turns = state["batches"]
    if len(turns) > 1:
        by_name = {each.name: each for each in servers}
        named = [[by_name[name] for name in names if name in by_name] for names in turns]
        return [Batch(number, members, True) for number, members in enumerate(named, 1) if members]
    if len(servers) <= MOST_SERVERS:
        return []
    size = -(-len(servers) // MOST_BATCHES)
    return [
        Batch(number, servers[at : at + size], False) for number, at in enumerate(range(0, len(servers), size), start=1)
    ]


def step_rows(state: Json) -> list[Row]:
    """The list of steps, as it stands before anybody opens or closes anything."""
    rows = [Row("step", step["key"], step) for step in state["steps"] if not step["server"]]
    servers = servers_of(state)
    if not servers:
        return rows
    rows.append(Row("fleet", "fleet"))
    is_small = len(servers) <= MOST_OPEN
    is_whole = len(servers) <= MOST_SERVERS
    for batch in batches_of(state, servers) or [Batch(0, servers, False)]:
        if batch.number:
            rows.append(Row("batch", f"batch:{batch.number}", batch=batch))
        left = len(servers) if is_whole else MOST_TROUBLE
        for server in batch.servers:
            is_loud = server.status in (LOUD if is_whole else TROUBLE) and left > 0
            left -= is_loud
            if is_whole or is_loud:
                rows.append(Row("server", f"server:{server.name}", telling(server), server))
            if is_small or is_loud:
                rows += [Row("part", step["key"], step) for step in server.steps]
    return rows


def telling(server: Server) -> Json:
    """The step of a server that says most: what failed, what runs, else what was done last."""
    steps = server.steps
    loud = [step for step in steps if step["status"] in TROUBLE] or [
        step for step in reversed(steps) if step["status"] == "running"
    ]
    done = [step for step in reversed(steps) if step["step_id"]]
    return (loud or done or steps)[0]


def kinds_of(state: Json) -> list[str]:
    """The columns of the server table that this deployment has."""
    there = {step["kind"] for step in state["steps"] if step["server"]}
    return [kind for kind in KINDS if kind in there]


def slow_keys(servers: Iterable[Server]) -> set[str]:
    """The steps that took far longer than the same step elsewhere."""
    times: dict[str, dict[str, float]] = defaultdict(dict)
    for server in servers:
        for step in server.steps:
            if step["started_at"] and step["finished_at"]:
                times[step["kind"]][step["key"]] = seconds(step["started_at"], step["finished_at"])
    slow: set[str] = set()
    for of_kind in times.values():
        limit = max(SLOW_S, SLOW_TIMES * median(of_kind.values()))
        slow |= {key for key, took in of_kind.items() if took > limit}
    return slow


def went(server: Server, before: str, after: str) -> list[str]:
    """The revisions that the deployment led a server through: one when it was not switched, or was switched back."""
    has_switched = any(step["kind"] == "switch" and step["status"] == "succeeded" for step in server.steps)
    if not has_switched or not after:
        return [before] if before else []
    if server.is_back:
        return [each for each in (before, after, before) if each]
    return [each for each in (before, after) if each]


def seconds(started: str, finished: str) -> float:
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
