"""The journal: every change of a deployment or a step is one entry, in the transaction that changes the row.

Locks are taken in the order deployment row, step row, stream head; the number is taken last. Whoever
works on a deployment holds an epoch, and a write with an older one raises `Fenced`.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.dispatch import Signal
from django.utils import timezone

from deploy_core.models import Deployment, JournalEntry, Person, Server, Step, sequence
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
        JournalEntry.objects.create(
            deployment_id=deployment_id,
            number=number,
            kind=event.kind,
            payload=event.payload(),
            person=person,
            at=timezone.now(),
        )
        ring(f"deployment:{deployment_id}", number)
    return number


def hold(deployment_id: int, epoch: int) -> None:
    """Lock the deployment's row until commit.

    Raises:
        Fenced: `epoch` is not its epoch any more.
    """
    if not Deployment.objects.filter(pk=deployment_id, epoch=epoch).update(epoch=epoch):
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
        row = Deployment.objects.filter(pk=deployment_id)
        # A loop, because the row may move between the look and the update; each turn it has moved forward.
        while True:
            source = Status(row.values_list("status", flat=True).get())
            if not can_move(source, to) or (only_from is not None and source not in only_from):
                return False
            if row.filter(status=source).update(
                status=to, reason=reason, reason_params=dict(params or {}), **_marks_of_move(to, row)
            ):
                break
        record(deployment_id, DeploymentMoved(source, to, reason, params or {}), person=person)
    return True


def _marks_of_move(to: Status, row: Any) -> dict[str, Any]:
    if to in ENDED:
        return {"finished": timezone.now()}
    if to == Status.QUEUED:
        return {"run": F("run") + 1}
    if to == Status.RUNNING and row.filter(started__isnull=True).exists():
        return {"started": timezone.now()}
    return {}


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
        row = Step.objects.filter(pk=step_id)
        hold(row.values_list("deployment_id", flat=True).get(), epoch)
        step = row.get()  # nobody else writes it: we hold its deployment
        source = StepStatus(step.status)
        if not can_step_move(source, to):
            return False
        now = timezone.now()
        step.status, step.epoch, step.reason, step.reason_params = to, epoch, reason, dict(params or {})
        step.exit_status = exit_status
        if to == StepStatus.RUNNING:
            step.attempt += 1
            step.started, step.finished = now, None
        elif to in STEP_ENDED:
            step.finished = now
        step.save(
            update_fields=(
                "status", "epoch", "reason", "reason_params", "exit_status", "attempt", "started", "finished"
            )
        )  # fmt: skip
        event = StepMoved(
            key=step.key,
            source=source,
            target=to,
            step_id=step_id,
            attempt=step.attempt,
            reason=reason,
            params=step.reason_params,
            exit_status=exit_status,
            lines=step.log_lines,
        )
        record(step.deployment_id, event)
    return True


def fence_off(deployment_id: int) -> int:
    """Raise the epoch, so that whoever works on the deployment can write no more; returns the new one.

    It is greater than every other of the same environment, so that its servers can tell who came last, also after a
    restored backup or with another database: it is the time, as long as that goes forward.
    """
    with transaction.atomic(savepoint=False):
        row = Deployment.objects.filter(pk=deployment_id)
        row.update(epoch=F("epoch") + 1)  # locks it
        newest = Deployment.objects.filter(environment__in=row.values("environment")).aggregate(Max("epoch"))
        epoch: int = max(newest["epoch__max"] + 1, int(time.time()) - EPOCHS_BEGAN)
        row.update(epoch=epoch)
        return epoch


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
        for step_id in running.values_list("pk", flat=True):
            move_step(step_id, StepStatus.LOST, "worker_silent", epoch=epoch, params={"executor": executor})


def cancel_steps(deployment_id: int, *, epoch: int) -> None:
    """End all steps of a deployment that have not ended, as cancelled."""
    with transaction.atomic(savepoint=False):
        open_steps = Step.objects.filter(deployment_id=deployment_id).exclude(status__in=STEP_ENDED)
        for step_id in open_steps.values_list("pk", flat=True):
            move_step(step_id, StepStatus.CANCELLED, epoch=epoch)


def close_steps(deployment_id: int, *, epoch: int) -> None:
    """End the steps of a deployment that has ended: those it never came to, and any that a fault of ours left open."""
    with transaction.atomic(savepoint=False):
        left = Step.objects.filter(deployment_id=deployment_id).exclude(status__in=STEP_ENDED)
        for step_id, status in left.values_list("pk", "status"):
            if status == StepStatus.PENDING:
                move_step(step_id, StepStatus.SKIPPED, "not_reached", epoch=epoch)
            else:
                move_step(step_id, StepStatus.FAILED, "internal", epoch=epoch)


def add_steps(deployment_id: int, steps: Iterable[PlannedStep], *, epoch: int) -> None:
    """Let the plan grow by those of `steps` that it does not have yet."""
    with transaction.atomic(savepoint=False):
        hold(deployment_id, epoch)
        known = set(Step.objects.filter(deployment_id=deployment_id).values_list("key", flat=True))
        new = tuple(step for step in steps if step.key not in known)
        if new:
            store_steps(deployment_id, new, first=len(known))
            record(deployment_id, StepsAdded(new))


def store_steps(deployment_id: int, steps: Iterable[PlannedStep], *, first: int = 0) -> None:
    """Write rows for `steps`, from position `first` on. The entry that names them is the caller's."""
    servers = {server.name: server for server in Server.objects.filter(name__in={step.server for step in steps})}
    Step.objects.bulk_create(
        Step(
            deployment_id=deployment_id,
            key=step.key,
            kind=step.kind,
            parent=step.parent,
            position=position,
            server=servers.get(step.server),
            server_name=step.server,
        )
        for position, step in enumerate(steps, first)
    )
