"""The journal: every change of a deployment or a step is one entry, in the transaction that changes the row.

Locks are taken in the order deployment row, step row, stream head; the number is taken last. Whoever
works on a deployment holds an epoch, and a write with an older one raises `Fenced`.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from deploy_core.models import Deployment, JournalEntry, Person, Step, sequence
from deploy_core.models.statements import as_json, as_time, execute, fetch, insert, select
from deploy_core.rules.events import DeploymentMoved, Event, StepMoved, StepsAdded, TakenOver
from deploy_core.rules.plan import PlannedStep
from deploy_core.rules.status import ENDED, STEP_ENDED, Status, StepStatus, can_move, can_step_move

#: Epochs are seconds since 2020-01-01 UTC (`fence_off`), so that they fit into 31 bits until 2088.
EPOCHS_BEGAN = 1_577_836_800

#: The project's one signal: sent after commit with `stream` ("deployment:5", "log:81") and `number`, its newest.
recorded = Signal()


class Fenced(Exception):
    """Another worker holds this deployment now; the writer stops and touches nothing more."""


def ring(stream: str, number: int) -> None:
    """Once this transaction is committed, tell whoever listens; a listener that fails is logged, never felt."""
    transaction.on_commit(partial(recorded.send_robust, sender=None, stream=stream, number=number))


def record(deployment_id: int, event: Event, *, person: Person | None = None) -> int:
    """Append `event` and return its number."""
    with transaction.atomic(savepoint=False):
        number = sequence.take("deployment", deployment_id)
        insert([_entry(deployment_id, number, event, person)])
        ring(f"deployment:{deployment_id}", number)
    return number


def record_all(deployment_id: int, events: Sequence[Event]) -> None:
    """Append `events`, which follow one another."""
    if not events:
        return
    with transaction.atomic(savepoint=False):
        first = sequence.take("deployment", deployment_id, len(events))
        insert([_entry(deployment_id, number, event, None) for number, event in enumerate(events, first)])
        ring(f"deployment:{deployment_id}", first + len(events) - 1)


def _entry(deployment_id: int, number: int, event: Event, person: Person | None) -> JournalEntry:
    return JournalEntry(
        deployment_id=deployment_id,
        number=number,
        kind=event.kind,
        payload=event.payload(),
        person=person,
        at=timezone.now(),
    )


_HOLD = "UPDATE deploy_core_deployment SET epoch = epoch WHERE id = %s AND epoch = %s"


def hold(deployment_id: int, epoch: int) -> None:
    """Lock the deployment's row until commit.

    Raises:
        Fenced: `epoch` is not its epoch any more.
    """
    if not execute(_HOLD, (deployment_id, epoch)):
        raise Fenced(f"#{deployment_id} is past epoch {epoch}")


def move(
    deployment_id: int,
    to: Status,
    reason: str = "",
    *,
    only_from: Collection[str] | None = None,
    epoch: int | None = None,
    person: Person | None = None,
    params: Mapping[str, Any] | None = None,
) -> bool:
    """Change a deployment's status where the table of moves (and `only_from`) allows it, and say whether it did.

    A move to `queued` counts the engine's runs up, so that the next one has a name of its own.

    Raises:
        Fenced: `epoch` is given and not the deployment's any more.
        django.db.IntegrityError: the move is to an active status and the environment has an active deployment.
    """
    with transaction.atomic(savepoint=False):
        if epoch is not None:
            hold(deployment_id, epoch)
        change = (to, reason, as_json(dict(params or {})), *_marks_of_move(to), deployment_id)
        # A loop, because the row may move between the look and the update; each turn it has moved forward.
        while True:
            [(status,)] = fetch("SELECT status FROM deploy_core_deployment WHERE id = %s", (deployment_id,))
            source = Status(status)
            if not can_move(source, to) or (only_from is not None and source not in only_from):
                return False
            if execute(_MOVE, (*change, source)):
                break
        record(deployment_id, DeploymentMoved(source, to, reason, params or {}), person=person)
    return True


_MOVE = """
    UPDATE deploy_core_deployment SET status = %s, reason = %s, reason_params = %s,
        started = coalesce(started, %s), finished = coalesce(%s, finished), run = run + %s
    WHERE id = %s AND status = %s
"""


def _marks_of_move(to: Status) -> tuple[Any, Any, int]:
    """When it first started, when it finished, and whether this is a run more."""
    now = as_time(timezone.now())
    return now if to == Status.RUNNING else None, now if to in ENDED else None, int(to == Status.QUEUED)


def move_step(
    step_id: int,
    to: StepStatus,
    reason: str = "",
    *,
    epoch: int,
    exit_status: int | None = None,
    params: Mapping[str, Any] | None = None,
) -> bool:
    """Change a step's status where the table of moves allows it, and say whether it did. A start is a new attempt.

    Raises:
        Fenced: `epoch` is not the deployment's any more.
    """
    with transaction.atomic(savepoint=False):
        [(deployment_id,)] = fetch("SELECT deployment_id FROM deploy_core_step WHERE id = %s", (step_id,))
        hold(deployment_id, epoch)
        step = select(Step, "WHERE step.id = %s", (step_id,))
        return bool(_move_steps(step, to, reason, epoch=epoch, exit_status=exit_status, params=params))


_CHANGE = "status = %s, epoch = %s, reason = %s, reason_params = %s, exit_status = %s, attempt = attempt + %s"
_BEGUN = ", started = %s, finished = NULL"
_OVER = ", finished = %s"


def _move_steps(
    steps: Sequence[Step],
    to: StepStatus,
    reason: str = "",
    *,
    epoch: int,
    exit_status: int | None = None,
    params: Mapping[str, Any] | None = None,
) -> int:
    """Move those of `steps` that may; how many. They are read after their one deployment is held: nobody else writes
    them.
    """
    sources = {step.pk: StepStatus(step.status) for step in steps if can_step_move(StepStatus(step.status), to)}
    moved = [step for step in steps if step.pk in sources]
    if not moved:
        return 0
    is_start = to == StepStatus.RUNNING
    times = _BEGUN if is_start else _OVER if to in STEP_ENDED else ""
    told = (to, epoch, reason, as_json(dict(params or {})), exit_status, int(is_start))
    marks = ", ".join(["%s"] * len(sources))
    execute(
        f"UPDATE deploy_core_step SET {_CHANGE}{times} WHERE id IN ({marks})",  # noqa: S608 - marks alone
        (*told, *((as_time(timezone.now()),) if times else ()), *sources),
    )
    events = [
        StepMoved(
            key=step.key,
            source=sources[step.pk],
            target=to,
            step_id=step.pk,
            attempt=step.attempt + is_start,
            reason=reason,
            params=params or {},
            exit_status=exit_status,
            lines=step.log_lines,
        )
        for step in moved
    ]
    record_all(moved[0].deployment_id, events)
    return len(moved)


def fence_off(deployment_id: int) -> int:
    """Raise the epoch, so that whoever works on the deployment can write no more; returns the new one.

    It is greater than every other of the same environment, so that its servers can tell who came last, also after a
    restored backup or with another database: it is the time, as long as that goes forward.
    """
    with transaction.atomic(savepoint=False):
        execute("UPDATE deploy_core_deployment SET epoch = epoch + 1 WHERE id = %s", (deployment_id,))  # locks it
        [(newest,)] = fetch(_NEWEST, (deployment_id,))
        epoch: int = max(newest + 1, int(time.time()) - EPOCHS_BEGAN)
        execute("UPDATE deploy_core_deployment SET epoch = %s WHERE id = %s", (epoch, deployment_id))
        return epoch


_NEWEST = """
    SELECT max(epoch) FROM deploy_core_deployment
    WHERE environment_id = (SELECT environment_id FROM deploy_core_deployment WHERE id = %s)
"""


def take_over(deployment_id: int, executor: str) -> int:
    """Become the one who works on a deployment; returns the new epoch. A first start is no news, a later one is."""
    with transaction.atomic(savepoint=False):
        epoch = fence_off(deployment_id)
        Deployment.objects.filter(pk=deployment_id).update(executor=executor)
        interrupted = (StepStatus.RUNNING, StepStatus.LOST)
        if Step.objects.filter(deployment_id=deployment_id, status__in=interrupted).exists():
            record(deployment_id, TakenOver(epoch, executor))
    return epoch


def lose_steps(deployment_id: int, executor: str) -> None:
    """The steps that `executor` runs are lost: it is silent, and whatever it still does, it writes no more of it."""
    with transaction.atomic(savepoint=False):
        running = Step.objects.filter(deployment_id=deployment_id, status=StepStatus.RUNNING)
        if not running.exists() or not Deployment.objects.filter(pk=deployment_id, executor=executor).exists():
            return
        epoch = fence_off(deployment_id)
        _move_steps(list(running), StepStatus.LOST, "worker_silent", epoch=epoch, params={"executor": executor})


def cancel_steps(deployment_id: int, *, epoch: int) -> None:
    """End all steps of a deployment that have not ended, as cancelled."""
    with transaction.atomic(savepoint=False):
        _move_steps(_open_steps(deployment_id, epoch), StepStatus.CANCELLED, epoch=epoch)


def close_steps(deployment_id: int, *, epoch: int) -> None:
    """End the steps of a deployment that has ended: any that a fault of ours left open, and those it never came to."""
    with transaction.atomic(savepoint=False):
        found = _open_steps(deployment_id, epoch)
        begun = [step for step in found if step.status != StepStatus.PENDING]
        _move_steps(begun, StepStatus.FAILED, "internal", epoch=epoch)
        _move_steps([step for step in found if step not in begun], StepStatus.SKIPPED, "not_reached", epoch=epoch)


def _open_steps(deployment_id: int, epoch: int) -> list[Step]:
    """Those that have not ended, of a deployment that is held from now on."""
    hold(deployment_id, epoch)
    marks = ", ".join(["%s"] * len(STEP_ENDED))
    where = f"WHERE step.deployment_id = %s AND step.status NOT IN ({marks}) ORDER BY step.position"
    return select(Step, where, (deployment_id, *STEP_ENDED))


def add_steps(deployment_id: int, steps: Iterable[PlannedStep], *, epoch: int) -> None:
    """Let the plan grow by those of `steps` that it does not have yet."""
    with transaction.atomic(savepoint=False):
        hold(deployment_id, epoch)
        known = set(Step.objects.filter(deployment_id=deployment_id).values_list("key", flat=True))
        new = tuple(step for step in steps if step.key not in known)
        if new:
            store_steps(deployment_id, new, first=len(known))
            record(deployment_id, StepsAdded(new))


def store_steps(deployment_id: int, steps: Sequence[PlannedStep], *, first: int = 0) -> None:
    """Write rows for `steps`, from position `first` on. The entry that names them is the caller's."""
    names = list({step.server for step in steps if step.server})
    marks = ", ".join(["%s"] * len(names)) or "NULL"
    servers = dict(fetch(f"SELECT name, id FROM deploy_core_server WHERE name IN ({marks})", names))  # noqa: S608
    insert(
        [
            Step(
                deployment_id=deployment_id,
                key=step.key,
                kind=step.kind,
                parent=step.parent,
                position=position,
                server_id=servers.get(step.server),
                server_name=step.server,
            )
            for position, step in enumerate(steps, first)
        ]
    )
