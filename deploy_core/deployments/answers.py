"""What people say to a deployment that exists: stop, yes, no."""

from django.db import transaction
from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.ledger import audit, journal
from deploy_core.models import Deployment, Person
from deploy_core.models.statements import refresh, update
from deploy_core.rules.events import CancelRequested
from deploy_core.rules.status import ENDED, WAITING, Status
from deploy_core.run import engine
from deploy_core.safety import access, gates


@transaction.atomic
def cancel(deployment: Deployment, *, by: Person) -> Deployment:
    """Stop a deployment: at once if it waits, else its worker stops the remote command and goes back if it must.

    Raises:
        Forbidden: `by` may not cancel there.
        Refused: it has ended (`already_ended`), or is on its way back (`cannot_cancel`).
    """
    app, environment = deployment.app.name, deployment.environment.name
    access.require(by, "cancel", app, environment)
    target = f"{deployment.environment} #{deployment.pk}"
    who = {"by": by.username}
    if journal.move(deployment.pk, Status.CANCELLED, "cancelled_by", only_from=WAITING, person=by, params=who):
        _mark_cancelled(deployment, by)
        journal.cancel_steps(deployment.pk, epoch=journal.fence_off(deployment.pk))
    elif journal.move(deployment.pk, Status.CANCELLING, "cancelled_by", person=by, params=who):
        _mark_cancelled(deployment, by)
        engine.start_after_commit(deployment.pk)
    else:
        refresh(deployment)
        if deployment.status != Status.CANCELLING:
            code = "already_ended" if deployment.status in ENDED else "cannot_cancel"
            raise Refused(code, number=deployment.pk, status=deployment.status)
    audit.record(by, "deployment.cancel", target, "accepted")
    refresh(deployment)
    return deployment


@transaction.atomic
def confirm(deployment: Deployment, plan_hash: str, *, by: Person) -> Deployment:
    """Its author says yes to the plan of this hash.

    Raises:
        Refused: `not_waiting`, `confirm_not_yours`, `plan_changed`.
    """
    gates.confirm(deployment, plan_hash, by=by)
    return _agreed(deployment, by, "deployment.confirm")


@transaction.atomic
def decline(deployment: Deployment, *, by: Person) -> Deployment:
    """Its author says no to it after all.

    Raises:
        Refused: `not_waiting`, `confirm_not_yours`.
    """
    if deployment.requested_by_id != by.pk:
        raise Refused("confirm_not_yours", number=deployment.pk, by=deployment.requested_by.username)
    if not gates.end(
        deployment.pk,
        Status.CANCELLED,
        "cancelled_by",
        {"by": by.username},
        only_from={Status.AWAITING_CONFIRMATION},
        person=by,
    ):
        raise Refused("not_waiting", number=deployment.pk, status=deployment.status)
    _mark_cancelled(deployment, by)
    return _agreed(deployment, by, "deployment.decline")


@transaction.atomic
def approve(deployment: Deployment, *, by: Person, comment: str = "") -> int:
    """One person's yes to the plan; how many are still missing.

    Raises:
        Forbidden: `by` may not approve there.
        Refused: `self_approval`, `already_answered`, `plan_changed`, `not_waiting`.
    """
    left = gates.approve(deployment, by=by, comment=comment)
    _agreed(deployment, by, "deployment.approve")
    return left


@transaction.atomic
def reject(deployment: Deployment, *, by: Person, reason: str) -> Deployment:
    """One person's no to the plan, which ends it.

    Raises:
        Forbidden, Refused: as `approve`; `reason_required`.
    """
    gates.reject(deployment, by=by, reason=reason)
    return _agreed(deployment, by, "deployment.reject")


def _agreed(deployment: Deployment, by: Person, action: str) -> Deployment:
    audit.record(by, action, f"{deployment.environment} #{deployment.pk}", "accepted", plan=deployment.plan_hash)
    engine.start_after_commit(deployment.pk)
    refresh(deployment)
    return deployment


def _mark_cancelled(deployment: Deployment, by: Person) -> None:
    deployment.cancel_requested, deployment.cancelled_by = timezone.now(), by
    update(deployment, "cancel_requested", "cancelled_by")
    journal.record(deployment.pk, CancelRequested(by.username), person=by)
