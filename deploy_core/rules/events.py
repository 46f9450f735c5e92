"""The journal's entries as values: each fact of a deployment, and what its entry stores. `rules.states` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from .plan import PlannedStep

Json = dict[str, Any]


class Event(Protocol):
    """A fact of a deployment: its kind, and what the entry stores."""

    @property
    def kind(self) -> str: ...

    def payload(self) -> Json: ...


@dataclass(frozen=True, slots=True)
class DeploymentRequested:
    """A person asked; all steps are known from the start, so that the graph never jumps."""

    kind: ClassVar[str] = "deployment.requested"
    app: str
    environment: str
    deployment_kind: str
    ref: str
    by: str
    surface: str
    steps: tuple[PlannedStep, ...]
    because: str = ""

    def payload(self) -> Json:
        return {
            "app": self.app,
            "environment": self.environment,
            "kind": self.deployment_kind,
            "ref": self.ref,
            "by": self.by,
            "surface": self.surface,
            "steps": [step.as_json() for step in self.steps],
            "because": self.because,
        }


@dataclass(frozen=True, slots=True)
class DeploymentPlanned:
    """The ref became a revision. `commits` counts those since the previous revision, None when nobody knows."""

    kind: ClassVar[str] = "deployment.planned"
    revision: str
    ref: str
    subject: str
    commits: int | None
    previous_revision: str
    plan_hash: str

    def payload(self) -> Json:
        return {
            "revision": self.revision,
            "ref": self.ref,
            "subject": self.subject,
            "commits": self.commits,
            "previous_revision": self.previous_revision,
            "plan_hash": self.plan_hash,
        }


@dataclass(frozen=True, slots=True)
class DeploymentBatched:
    """The servers take turns: which switch together, in order. There is none for a deployment of one batch."""

    kind: ClassVar[str] = "deployment.batched"
    batches: tuple[tuple[str, ...], ...]

    def payload(self) -> Json:
        return {"batches": [list(batch) for batch in self.batches]}


@dataclass(frozen=True, slots=True)
class DeploymentMoved:
    """The status changed; `reason` is a code, `params` fill its sentence."""

    kind: ClassVar[str] = "deployment.moved"
    source: str
    target: str
    reason: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    def payload(self) -> Json:
        return {"from": self.source, "to": self.target, "reason": self.reason, "params": dict(self.params)}


@dataclass(frozen=True, slots=True)
class StepMoved:
    """A step's status changed. `lines` is how many log lines it has so far, in stream `log:<step_id>`."""

    kind: ClassVar[str] = "step.moved"
    key: str
    source: str
    target: str
    step_id: int
    attempt: int
    reason: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    exit_status: int | None = None
    lines: int = 0

    def payload(self) -> Json:
        return {
            "key": self.key,
            "from": self.source,
            "to": self.target,
            "reason": self.reason,
            "params": dict(self.params),
            "attempt": self.attempt,
            "exit_status": self.exit_status,
            "step_id": self.step_id,
            "lines": self.lines,
        }


@dataclass(frozen=True, slots=True)
class StepsAdded:
    """The plan grew: the way back of servers that were switched."""

    kind: ClassVar[str] = "steps.added"
    steps: tuple[PlannedStep, ...]

    def payload(self) -> Json:
        return {"steps": [step.as_json() for step in self.steps]}


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A person asked to stop."""

    kind: ClassVar[str] = "deployment.cancel_requested"
    by: str

    def payload(self) -> Json:
        return {"by": self.by}


@dataclass(frozen=True, slots=True)
class DeploymentAnswered:
    """A person who was asked said yes or no to the plan; `missing` more must say yes."""

    kind: ClassVar[str] = "deployment.answered"
    by: str
    is_yes: bool
    comment: str
    missing: int

    def payload(self) -> Json:
        return {"by": self.by, "is_yes": self.is_yes, "comment": self.comment, "missing": self.missing}


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Another process (or the same one, started again) went on with the work; older writers are fenced off."""

    kind: ClassVar[str] = "deployment.taken_over"
    epoch: int
    executor: str

    def payload(self) -> Json:
        return {"epoch": self.epoch, "executor": self.executor}
