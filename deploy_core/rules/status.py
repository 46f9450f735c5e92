"""The statuses of deployments and steps, and the one table of allowed moves."""

from enum import StrEnum


class Status(StrEnum):
    """Where a deployment stands (glossary: 00 Words)."""

    PLANNING = "planning"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    VERIFYING = "verifying"
    CANCELLING = "cancelling"
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    ROLLED_BACK = "rolled_back"


class StepStatus(StrEnum):
    """Where a step stands. `LOST` means its worker stopped reporting: never shown as running for ever."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST = "lost"


S = Status

#: Statuses in which a deployment owns its environment: at most one per environment (a partial unique index).
ACTIVE = frozenset({S.RUNNING, S.PAUSED, S.VERIFYING, S.CANCELLING, S.ROLLING_BACK})
#: Statuses that wait before anything touches a server.
WAITING = frozenset({S.PLANNING, S.AWAITING_CONFIRMATION, S.AWAITING_APPROVAL, S.SCHEDULED, S.QUEUED})
#: Statuses that nothing leaves.
ENDED = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.ROLLED_BACK})

_LEFT_WAITING = frozenset({S.FAILED, S.CANCELLED, S.REJECTED, S.EXPIRED})

MOVES: dict[Status, frozenset[Status]] = {
    S.PLANNING: frozenset({S.AWAITING_CONFIRMATION, S.AWAITING_APPROVAL, S.SCHEDULED, S.QUEUED}) | _LEFT_WAITING,
    S.AWAITING_CONFIRMATION: frozenset({S.AWAITING_APPROVAL, S.SCHEDULED, S.QUEUED}) | _LEFT_WAITING,
    # An environment may become protected while one waits for others, or for its hour.
    S.AWAITING_APPROVAL: frozenset({S.AWAITING_CONFIRMATION, S.SCHEDULED, S.QUEUED}) | _LEFT_WAITING,
    S.SCHEDULED: frozenset({S.AWAITING_CONFIRMATION, S.QUEUED}) | _LEFT_WAITING,
    S.QUEUED: frozenset({S.RUNNING}) | _LEFT_WAITING,
    S.RUNNING: frozenset(
        {S.QUEUED, S.PAUSED, S.VERIFYING, S.CANCELLING, S.ROLLING_BACK, S.SUCCEEDED, S.FAILED, S.CANCELLED}
    ),
    S.PAUSED: frozenset({S.RUNNING, S.CANCELLING, S.ROLLING_BACK, S.FAILED}),
    S.VERIFYING: frozenset({S.CANCELLING, S.ROLLING_BACK, S.SUCCEEDED, S.FAILED}),
    S.CANCELLING: frozenset({S.CANCELLED, S.FAILED}),
    S.ROLLING_BACK: frozenset({S.ROLLED_BACK, S.FAILED}),
}


def can_move(source: Status, target: Status) -> bool:
    """Whether a deployment may go from `source` to `target`."""
    return target in MOVES.get(source, frozenset())


T = StepStatus

#: A step that was interrupted may run again: `running → running` is a new attempt.
STEP_MOVES: dict[StepStatus, frozenset[StepStatus]] = {
    T.PENDING: frozenset({T.RUNNING, T.SKIPPED, T.CANCELLED}),
    T.RUNNING: frozenset({T.RUNNING, T.SUCCEEDED, T.FAILED, T.CANCELLED, T.TIMED_OUT, T.LOST}),
    T.LOST: frozenset({T.RUNNING, T.FAILED, T.CANCELLED}),
}

#: Step statuses that are an end.
STEP_ENDED = frozenset({T.SUCCEEDED, T.FAILED, T.SKIPPED, T.CANCELLED, T.TIMED_OUT})


def can_step_move(source: StepStatus, target: StepStatus) -> bool:
    """Whether a step may go from `source` to `target`."""
    return target in STEP_MOVES.get(source, frozenset())
