"""Commands by which people say yes or no to a deployment that waits for them."""

from typing import Any

from bot.invocation import Reply
from bot.order import Order
from bot.registry import Argument, command
from deploy_core import deployments
from deploy_core.errors import Refused
from deploy_core.models import Deployment
from deploy_core.rules.status import Status

_NUMBER = Argument("deployment", "number", is_required=True)
_OWN = Argument("deployment", "any_number")


@command("confirm", _OWN, permission="deploy", example="/confirm #42")
def confirm(order: Order) -> Reply:
    deployment = _own(order)
    deployments.confirm(deployment, deployment.plan_hash, by=order.invocation.actor)
    return _about(order, "confirmed", deployment)


@command("no", _OWN, permission="deploy", example="/no #42")
def no(order: Order) -> Reply:
    deployment = _own(order)
    deployments.decline(deployment, by=order.invocation.actor)
    return _about(order, "declined", deployment)


@command("approve", _NUMBER, permission="approve", example="/approve #42")
def approve(order: Order) -> Reply:
    deployment = order.deployment()
    left = deployments.approve(deployment, by=order.invocation.actor, comment=order.parsed.text)
    if left:
        return _about(order, "approved.partly", deployment, missing=left)
    return _about(order, "approved", deployment)


@command("reject", _NUMBER, permission="approve", example="/reject #42 because the tests are red")
def reject(order: Order) -> Reply:
    deployment = order.deployment()
    reason = order.parsed.reason if order.parsed.reason.strip(". …") else ""
    deployments.reject(deployment, by=order.invocation.actor, reason=reason)
    return _about(order, "rejected", deployment)


def _own(order: Order) -> Deployment:
    """The deployment that is named, or the one of the author's that waits for a yes."""
    if order.parsed.id is not None:
        return order.deployment()
    mine = Deployment.objects.filter(requested_by=order.invocation.actor, status=Status.AWAITING_CONFIRMATION)
    found = list(mine.select_related("app", "environment__app", "requested_by").order_by("pk"))
    if not found:
        raise Refused("nothing_to_confirm")
    if len(found) > 1:
        lines = [order.line(f"confirm #{each.pk}") for each in found[:5]]
        raise Refused("several_running", suggest=lines, app=found[0].app.name)
    order.require_room(found[0].environment)
    return found[0]


def _about(order: Order, code: str, deployment: Deployment, **params: Any) -> Reply:
    app, environment = deployment.app.name, deployment.environment.name
    return order.answer(code, app, number=deployment.pk, app=app, environment=environment, **params)
