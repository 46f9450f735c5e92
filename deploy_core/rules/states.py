"""The state of a deployment, computed from its journal.

Card, graph, step list, messages and the replay of a past moment all follow from it: `replay` gives the same answer as
the rows, and `static/js/deployment_state.js` mirrors it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from .status import ENDED, STEP_ENDED, Status, StepStatus
from .times import iso

Json = dict[str, Any]


class Entry(NamedTuple):
    """A stored event: `number` is contiguous from 1 within its deployment."""

    number: int
    kind: str
    payload: Json
    at: datetime


class EntryLike(Protocol):
    """What `replay` reads; the journal's rows have it too."""

    number: int
    kind: str
    payload: Any
    at: datetime


@dataclass(slots=True)
class StepState:
    """A step as it stood after some entry."""

    key: str
    kind: str
    parent: str
    server: str
    status: str = StepStatus.PENDING
    reason: str = ""
    params: Json = field(default_factory=dict)
    attempt: int = 0
    exit_status: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    step_id: int | None = None
    lines: int = 0

    def move(self, at: datetime, payload: Json) -> None:
        self.status = payload["to"]
        self.reason = payload["reason"]
        self.params = payload["params"]
        self.attempt = payload["attempt"]
        self.exit_status = payload["exit_status"]
        self.step_id = payload["step_id"]
        self.lines = payload["lines"]
        if self.status == StepStatus.RUNNING:
            self.started_at, self.finished_at = at, None
        elif self.status in STEP_ENDED:
            self.finished_at = at

    def as_json(self) -> Json:
        return {
            "key": self.key,
            "kind": self.kind,
            "parent": self.parent,
            "server": self.server,
            "status": str(self.status),
            "reason": self.reason,
            "params": self.params,
            "attempt": self.attempt,
            "exit_status": self.exit_status,
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "step_id": self.step_id,
            "lines": self.lines,
        }


@dataclass(slots=True)
class DeploymentState:
    """A deployment as it stood after the entry numbered `number` (0: before the first)."""

    id: int
    number: int = 0
    app: str = ""
    environment: str = ""
    kind: str = ""
    ref: str = ""
    revision: str = ""
    subject: str = ""
    commits: int | None = None
    previous_revision: str = ""
    by: str = ""
    surface: str = ""
    because: str = ""
    status: str = Status.PLANNING
    reason: str = ""
    params: Json = field(default_factory=dict)
    requested_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_by: str = ""
    answers: list[Json] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    steps: dict[str, StepState] = field(default_factory=dict)

    def apply(self, entry: EntryLike) -> None:
        """Change this state as `entry` says; an entry of a kind from a newer version changes nothing."""
        payload: Json = entry.payload
        self.number = entry.number
        match entry.kind:
            case "deployment.requested":
                for name in ("app", "environment", "kind", "ref", "by", "surface"):
                    setattr(self, name, payload[name])
                self.because = payload.get("because", "")
                self.requested_at = entry.at
                self._add(payload["steps"])
            case "deployment.planned":
                for name in ("revision", "ref", "subject", "commits", "previous_revision"):
                    setattr(self, name, payload[name])
                self.answers = []  # they were given to another plan
            case "deployment.answered":
                told = {name: payload[name] for name in ("by", "is_yes", "comment")}
                self.answers = [*self.answers, {**told, "at": iso(entry.at)}]
            case "deployment.batched":
                self.batches = payload["batches"]
            case "deployment.moved":
                self._move(entry.at, payload)
            case "step.moved":
                self.steps[payload["key"]].move(entry.at, payload)
            case "steps.added":
                self._add(payload["steps"])
            case "deployment.cancel_requested":
                self.cancel_requested_by = payload["by"]

    def _add(self, steps: Iterable[Mapping[str, str]]) -> None:
        for step in steps:
            self.steps.setdefault(step["key"], StepState(step["key"], step["kind"], step["parent"], step["server"]))

    def _move(self, at: datetime, payload: Json) -> None:
        self.status = payload["to"]
        self.reason = payload["reason"]
        self.params = payload["params"]
        if self.status == Status.RUNNING and self.started_at is None:
            self.started_at = at
        elif self.status in ENDED:
            self.finished_at = at

    def as_json(self) -> Json:
        """The state as pages get it; times are ISO 8601 in UTC."""
        return {
            "id": self.id,
            "app": self.app,
            "environment": self.environment,
            "kind": self.kind,
            "ref": self.ref,
            "revision": self.revision,
            "subject": self.subject,
            "commits": self.commits,
            "previous_revision": self.previous_revision,
            "by": self.by,
            "surface": self.surface,
            "because": self.because,
            "status": str(self.status),
            "reason": self.reason,
            "params": self.params,
            "requested_at": iso(self.requested_at),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "cancel_requested_by": self.cancel_requested_by,
            "answers": self.answers,
            "batches": self.batches,
            "steps": [step.as_json() for step in self.steps.values()],
        }


def replay(deployment_id: int, entries: Iterable[EntryLike]) -> DeploymentState:
    """The state after `entries`, which begin with number 1 and are in order."""
    state = DeploymentState(deployment_id)
    for entry in entries:
        state.apply(entry)
    return state


def until(entries: Iterable[EntryLike], moment: datetime) -> Iterator[EntryLike]:
    """Those of `entries` (from number 1, in order) that had happened by `moment`, to the millisecond that pages know.

    Where a clock went back, an entry counts as not earlier than those before it, so that the past is a prefix.
    """
    clock = ""
    for entry in entries:
        clock = max(clock, iso(entry.at) or "")
        if clock > (iso(moment) or ""):
            return
        yield entry
