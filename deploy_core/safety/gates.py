"""What a deployment passes between its plan and its start, and what may still keep it from starting.

`refuse` is asked when somebody asks for one, `pass_on` whenever it comes a step further, `held` and `spoilt` when it
is about to run. A release that was live before needs no second yes: rollbacks are never confirmed or approved.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.ledger import journal
from deploy_core.models import App, Deployment, Environment, Lock, Person, Schedule
from deploy_core.rules.events import DeploymentAnswered
from deploy_core.rules.status import WAITING, Status

from . import access, approvals, checks, fingerprint, freezes, locks, proof
from .locks import moment


class Stop(NamedTuple):
    """Where a deployment goes next, why, and until when it waits there."""

    status: Status
    reason: str = ""
    params: Mapping[str, Any] = {}
    deadline: datetime | None = None


class Wish(NamedTuple):
    """How somebody wants a deployment: past what is in the way (`because` of something), later, behind a lock."""

    force: bool = False
    because: str = ""
    waits_for_lock: bool = False
    at: datetime | None = None
    zone: str = "UTC"
    breaks_glass: bool = False
    #: What commands on the servers get as SHIPROOM_PARAMS.
    params: str = ""


NO_WISH = Wish()


def refuse(app: App, environment: Environment, *, by: Person, wish: Wish, forcing: str = "manage") -> None:
    """Raise what stands in the way of a request. `forcing` is the right that passes it, with a reason.

    Raises:
        Forbidden: forced without the right.
        Refused: `locked`, `frozen`, or `reason_required`: forced without saying why; `proof_wanted`.
    """
    if wish.breaks_glass:
        proof.require(environment, by)
        return
    if forcing != "rollback":  # on the way back nobody is stopped
        proof.require_at_request(environment, by)
    if wish.force:
        access.require(by, forcing, app.name, environment.name)
        if not wish.because:
            raise Refused("reason_required")
        return
    shut = freezes.closed(app.name, environment.name, wish.at)
    if shut:
        raise Refused("frozen", **freezes.told(shut, app.name, environment.name), glass=approvals.glass(environment))
    lock = locks.of_another(app, environment.name, by)
    if lock and not wish.waits_for_lock and not wish.at:
        told = locks.told(lock) | {"app": app.name, "environment": environment.name}
        raise Refused("locked", **told, glass=approvals.glass(environment))


def pass_on(deployment_id: int, *, epoch: int | None = None, person: Person | None = None) -> Status | None:
    """Move a deployment to its next gate, or into the queue behind the last one; None when it has moved elsewhere."""
    with transaction.atomic(savepoint=False):
        related = ("app", "environment", "requested_by", "schedule")
        deployment = Deployment.objects.select_related(*related).get(pk=deployment_id)
        stop = _next(deployment)
        is_moved = journal.move(
            deployment_id,
            stop.status,
            stop.reason,
            only_from=WAITING,
            epoch=epoch,
            person=person,
            params=stop.params,
        )
        if is_moved:
            Deployment.objects.filter(pk=deployment_id).update(deadline=stop.deadline)
    return stop.status if is_moved else None


def _next(deployment: Deployment) -> Stop:
    now = timezone.now()
    due = _due(deployment)
    if deployment.kind != Deployment.Kind.ROLLBACK:
        environment = deployment.environment
        if approvals.missing(deployment):
            deadline = due if due and due > now else now + timedelta(seconds=settings.APPROVAL_S)
            params = approvals.wanted(deployment) | {"until": moment(deadline)}
            return Stop(Status.AWAITING_APPROVAL, "approval_wanted", params, deadline)
        is_agreed = environment.approvals_needed or deployment.confirmed == deployment.plan_hash
        if environment.is_protected and not is_agreed and not approvals.is_emergency(deployment):
            deadline = now + timedelta(seconds=settings.CONFIRM_S)
            params = {"by": deployment.requested_by.username, "until": moment(deadline)}
            return Stop(Status.AWAITING_CONFIRMATION, "confirmation_wanted", params, deadline)
    if due and due > now:
        return Stop(Status.SCHEDULED, "scheduled_for", {"when": moment(due)})
    lock = locks.in_the_way([deployment]).get(deployment.pk)
    if lock:
        return Stop(Status.QUEUED, "waits_for_lock", locks.told(lock))
    if deployment.pk in (late := checks.waiting([deployment])):
        return Stop(Status.QUEUED, "waits_for_checks", checks.told(late[deployment.pk], deployment.revision))
    return Stop(Status.QUEUED)


def _due(deployment: Deployment) -> datetime | None:
    return Schedule.objects.filter(deployment=deployment).values_list("at", flat=True).first()


@transaction.atomic
def confirm(deployment: Deployment, plan_hash: str, *, by: Person) -> None:
    """Its author says yes to what `plan_hash` names, and the deployment goes on.

    Raises:
        Refused: `not_waiting`, `confirm_not_yours`, `plan_changed`, `proof_wanted`.
    """
    if deployment.requested_by_id != by.pk:
        raise Refused("confirm_not_yours", number=deployment.pk, by=deployment.requested_by.username)
    proof.require(deployment.environment, by)
    if not fingerprint.is_still_true(deployment):
        raise Refused("plan_changed", number=deployment.pk)
    waiting = Deployment.objects.filter(pk=deployment.pk, status=Status.AWAITING_CONFIRMATION, plan_hash=plan_hash)
    if not waiting.filter(deadline__gt=timezone.now()).update(confirmed=plan_hash):
        raise Refused("not_waiting", number=deployment.pk, status=deployment.status)
    pass_on(deployment.pk, person=by)


@transaction.atomic
def approve(deployment: Deployment, *, by: Person, comment: str = "") -> int:
    """One person's yes; with the last one the deployment goes on. How many are still missing.

    Raises:
        Forbidden, Refused: as `approvals.answer`; `not_waiting`.
    """
    _require_waiting(deployment)
    approvals.answer(deployment, by=by, is_yes=True, comment=comment)
    left = approvals.missing(deployment)
    journal.record(deployment.pk, DeploymentAnswered(by.username, True, comment, left), person=by)
    if not left:
        pass_on(deployment.pk, person=by)
    return left


@transaction.atomic
def reject(deployment: Deployment, *, by: Person, reason: str) -> None:
    """One person's no, which ends the deployment.

    Raises:
        Forbidden, Refused: as `approvals.answer`; `reason_required`, `not_waiting`.
    """
    _require_waiting(deployment)
    if not reason:
        raise Refused("reason_required")
    approvals.answer(deployment, by=by, is_yes=False, comment=reason)
    left = approvals.missing(deployment)
    journal.record(deployment.pk, DeploymentAnswered(by.username, False, reason, left), person=by)
    end(deployment.pk, Status.REJECTED, "rejected_by", {"by": by.username, "because": reason}, person=by)


def _require_waiting(deployment: Deployment) -> None:
    # A conditional update that changes nothing: it takes the row's lock, so that two answers come one after the other.
    waiting = Deployment.objects.filter(pk=deployment.pk, status=Status.AWAITING_APPROVAL)
    if not waiting.filter(deadline__gt=timezone.now()).update(status=Status.AWAITING_APPROVAL):
        deployment.refresh_from_db()
        raise Refused("not_waiting", number=deployment.pk, status=deployment.status)


def end(
    deployment_id: int,
    to: Status,
    reason: str,
    params: Mapping[str, Any] | None = None,
    *,
    only_from: Iterable[str] = WAITING,
    person: Person | None = None,
) -> bool:
    """End a deployment that has not begun, with its steps."""
    with transaction.atomic(savepoint=False):
        if not journal.move(deployment_id, to, reason, only_from=set(only_from), person=person, params=params):
            return False
        journal.cancel_steps(deployment_id, epoch=journal.fence_off(deployment_id))
    return True


def held(waiting: Iterable[Deployment]) -> dict[int, Lock | str]:
    """Those of `waiting` that may not start now: the lock that keeps each, or "frozen" or "checks"."""
    rows = list(waiting)
    if not rows:
        return {}
    found: dict[int, Lock | str] = dict(locks.in_the_way(rows))
    calendar = freezes.calendar()
    for each in rows:
        if each.pk not in found and not each.is_forced and calendar.closed(each.app.name, each.environment.name):
            found[each.pk] = "frozen"
    return {**dict.fromkeys(checks.waiting(rows), "checks"), **found}


def spoilt(deployment: Deployment) -> tuple[str, dict[str, Any]] | None:
    """Why a deployment that people agreed to may not run any more, as a reason and its parameters."""
    if deployment.kind == Deployment.Kind.ROLLBACK:
        return None
    is_agreed = deployment.confirmed or deployment.environment.approvals_needed
    if is_agreed and not fingerprint.is_still_true(deployment):
        return "plan_changed", {"number": deployment.pk}
    if approvals.missing(deployment):
        return "approval_lapsed", approvals.wanted(deployment)
    if (said := checks.of(deployment)).red:
        return "checks_failed", checks.told(said, deployment.revision)
    return None
