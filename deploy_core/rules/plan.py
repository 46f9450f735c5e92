"""The steps of a deployment, laid out before anything runs, and the hash that names a plan."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

StepKind = Literal["start", "fetch", "build", "package", "stage", "switch", "restart", "health", "back", "task"]

#: Steps that run before any server is touched, in order.
HEAD: tuple[StepKind, ...] = ("start", "fetch", "build", "package")
#: Steps of one server, in order. `back` is added only when a server returns to its old release.
ON_SERVER: tuple[StepKind, ...] = ("stage", "switch", "restart", "health")


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One node of the graph: `parent` is the key of the step it hangs under, "" for the first."""

    key: str
    kind: StepKind
    parent: str
    server: str = ""

    def as_json(self) -> dict[str, str]:
        return {"key": self.key, "kind": self.kind, "parent": self.parent, "server": self.server}

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> "PlannedStep":
        kind: StepKind = data["kind"]  # type: ignore[assignment]
        return cls(key=data["key"], kind=kind, parent=data["parent"], server=data["server"])


def _chain(kinds: Iterable[StepKind], parent: str, server: str = "") -> list[PlannedStep]:
    steps = []
    for kind in kinds:
        key = f"{kind}:{server}" if server else kind
        steps.append(PlannedStep(key, kind, parent, server))
        parent = key
    return steps


#: A deployment that is one of these needs no git and no build: what it ships is there.
BUILT: frozenset[str] = frozenset({"rollback", "redeploy", "promote", "task"})


_KINDS: Mapping[str, tuple[StepKind, ...]] = {"rollback": ON_SERVER[1:], "task": ("task",)}


def lay_out(kind: str, servers: Sequence[str]) -> tuple[PlannedStep, ...]:
    """All steps of a deployment of `kind` to `servers`, in the order they are listed.

    A rollback needs no upload either: its releases lie on the servers. A task is one step on each of them.
    """
    head = _chain(HEAD[:1] if kind in BUILT else HEAD, "")
    kinds = _KINDS.get(kind, ON_SERVER)
    return tuple(head + [step for server in servers for step in _chain(kinds, head[-1].key, server)])


def way_back(servers: Sequence[str]) -> tuple[PlannedStep, ...]:
    """The steps that return `servers` to their previous release."""
    return tuple(PlannedStep(f"back:{server}", "back", f"switch:{server}", server) for server in servers)


def plan_hash(*, revision: str, pipeline: str, servers: Sequence[str], values: Mapping[str, object]) -> str:
    """The name of what would happen: it changes when the revision, the pipeline text, the servers or the values do.

    `values` holds what the database adds: paths, variables, names and versions of granted secrets, never a secret.
    """
    content = [revision, pipeline, list(servers), values]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
