"""What time itself does: waiting ends, schedules come due, locks run out. Asked each second by every engine process."""

from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deploy_core.models import Deployment
from deploy_core.rules.status import ENDED, Status

from . import access, approvals, checks, freezes, gates, locks
from .locks import moment

_OVER = {
    Status.AWAITING_CONFIRMATION: "confirmation_expired",
    Status.AWAITING_APPROVAL: "approval_expired",
}


def act() -> None:
    """Do all that is due. Each act is a conditional move, so any number of processes may do it at once."""
    locks.lapse()
    if is_any_open():
        expire()
        begin_scheduled()
        give_up_checks()


def is_any_open() -> bool:
    """Whether any deployment has not ended: a small question that spares an idle process large ones each second."""
    return Deployment.objects.exclude(status__in=ENDED).exists()


def give_up_checks() -> None:
    """End the queued deployments whose checks said nothing final for `CHECKS_WAIT_S` since they were waited for.

    That is counted on the row from when one was first seen to wait, whatever else it waited for before, and is over
    only when the checks were asked for once more: while no engine ran, nobody did.
    """
    now = timezone.now()
    rows = checks.queued()
    late = checks.waiting(rows)
    for each in rows:
        row = Deployment.objects.filter(pk=each.pk, status=Status.QUEUED, deadline=each.deadline)
        if each.pk not in late:
            if each.deadline:
                row.update(deadline=None)
        elif each.deadline is None:
            row.update(deadline=now + timedelta(seconds=settings.CHECKS_WAIT_S))
        elif each.deadline <= now and checks.were_asked_for(each, since=each.deadline):
            params = checks.told(late[each.pk], each.revision)
            gates.end(each.pk, Status.EXPIRED, "checks_missing", params, only_from={Status.QUEUED})


def expire() -> None:
    """End the deployments that waited for people for too long."""
    overdue = Deployment.objects.filter(status__in=list(_OVER), deadline__lte=timezone.now())
    for pk, status in overdue.values_list("pk", "status"):
        source = Status(status)
        gates.end(pk, Status.EXPIRED, _OVER[source], only_from={source})


def begin_scheduled() -> None:
    """Let the schedules that are due go on, or end them: asked again are their author's rights, the windows, and
    whether enough people still agree, which they had to before."""
    now = timezone.now()
    due = Deployment.objects.filter(status=Status.SCHEDULED, schedule__at__lte=now)
    for deployment in due.select_related("app", "environment", "requested_by", "schedule").order_by("schedule__at"):
        app, environment, author = deployment.app.name, deployment.environment.name, deployment.requested_by
        shut = freezes.closed(app, environment, now)
        with transaction.atomic():
            if not author.is_active:
                _miss(deployment, "author_left", {"by": author.username})
            elif not access.can(author, "deploy", app, environment):
                params = {"who": author.username, "action": "deploy", "app": app, "environment": environment}
                _miss(deployment, "no_permission", params)
            elif deployment.schedule.at < now - timedelta(seconds=settings.SCHEDULE_LATE_S):
                _miss(deployment, "schedule_missed", {"when": moment(deployment.schedule.at)})
            elif shut and not deployment.is_forced:
                _miss(deployment, "frozen", freezes.told(shut, app, environment))
            elif deployment.kind != Deployment.Kind.ROLLBACK and approvals.missing(deployment):
                _miss(deployment, "approval_expired", approvals.wanted(deployment))
            else:
                gates.pass_on(deployment.pk)


def _miss(deployment: Deployment, reason: str, params: Mapping[str, object]) -> None:
    gates.end(deployment.pk, Status.EXPIRED, reason, params, only_from={Status.SCHEDULED})
