"""Commands that say what waits, in which order, and for what."""

from collections.abc import Iterable

from bot.invocation import Reply
from bot.order import Order
from bot.phrases.tables import Cell, at, phrase, status_word, table
from bot.registry import Argument, command
from deploy_core import deployments
from deploy_core.models import Deployment, Lock, Schedule
from deploy_core.rules.status import WAITING, Status
from deploy_core.safety import gates

_PLACE = (Argument("app", "app"), Argument("environment", "environment"))


@command("queue", *_PLACE, example="/queue shop staging")
def queue(order: Order) -> Reply:
    found = _waiting(order, WAITING - {Status.SCHEDULED})
    held = gates.held(each for each in found if each.status == Status.QUEUED)
    rows: list[list[Cell]] = [
        [
            {"deployment": each.pk},
            each.app.name,
            each.environment.name,
            each.ref,
            status_word(each.status),
            _waits_for(each, held.get(each.pk)),
            each.requested_by.username,
            at(each.created),
        ]
        for each in found
    ]
    if not rows:
        return order.answer("queue.empty")
    head = ("number", "app", "environment", "ref", "status", "waits_for", "by", "when")
    return order.answer("queue", *(each.app.name for each in found), table=table(head, rows))


@command("schedules", *_PLACE, example="/schedules shop")
def schedules(order: Order) -> Reply:
    found = _waiting(order, {Status.PLANNING, Status.AWAITING_APPROVAL, Status.AWAITING_CONFIRMATION, Status.SCHEDULED})
    due = {row.deployment_id: row for row in Schedule.objects.filter(deployment__in=found)}
    shown = sorted((each for each in found if each.pk in due), key=lambda each: due[each.pk].at)
    rows: list[list[Cell]] = [
        [
            {"deployment": each.pk},
            each.app.name,
            each.environment.name,
            each.ref,
            at(due[each.pk].at),
            status_word(each.status),
            each.requested_by.username,
            {"line": order.line(f"cancel #{each.pk}")},
        ]
        for each in shown
    ]
    if not rows:
        return order.answer("schedules.none")
    head = ("number", "app", "environment", "ref", "when", "status", "by", "command")
    return order.answer("schedules", *(each.app.name for each in shown), table=table(head, rows))


def _waiting(order: Order, statuses: Iterable[Status]) -> list[Deployment]:
    seen = {environment.pk for environment in order.environments()}
    return [each for each in deployments.active().filter(status__in=list(statuses)) if each.environment_id in seen]


def _waits_for(deployment: Deployment, held: Lock | str | None) -> Cell:
    if isinstance(held, Lock):
        return phrase("word.behind_lock", {"by": held.owner.username})
    if held == "checks":
        return phrase("word.behind_checks", deployment.reason_params)
    if held:
        return phrase("word.behind_freeze")
    if deployment.status != Status.QUEUED:
        return phrase(deployment.reason, deployment.reason_params) if deployment.reason else ""
    ahead = deployments.ahead_of(deployment)
    if not ahead:
        return ""
    return phrase("word.behind", {"number": ahead[-1].pk, "by": ahead[-1].requested_by.username})
