"""Commands that act on a deployment that exists: pause, resume, retry."""

from typing import Any

from bot.invocation import Announce, Reply
from bot.order import Order
from bot.registry import Argument, command
from bot.wishes import wish_of
from deploy_core import deployments, steering
from deploy_core.errors import Refused
from deploy_core.models import Deployment
from deploy_core.rules.status import Status

_DEPLOYMENT = Argument("deployment", "deployment", is_required=True)


@command("pause", _DEPLOYMENT, permission="cancel", example="/pause #42")
def pause(order: Order) -> Reply:
    deployment = steering.pause(_named(order, Status.RUNNING), by=order.invocation.actor)
    return _told("paused", order, deployment)


@command("resume", _DEPLOYMENT, permission="deploy", example="/resume #42")
def resume(order: Order) -> Reply:
    deployment = steering.resume(_named(order, Status.PAUSED), by=order.invocation.actor)
    return _told("resumed", order, deployment)


@command("retry", _DEPLOYMENT, Argument("count", "failed"), permission="deploy", example="/retry #42 --failed")
def retry(order: Order) -> Reply:
    failed = order.deployment()
    deployment = steering.retry(
        failed,
        by=order.invocation.actor,
        surface=order.invocation.surface,
        only_failed=order.parsed.only == "failed",
        wish=wish_of(order),
    )
    more: dict[str, Any] = {"of": failed.pk, "ref": deployment.ref}
    code = "retry_requested"
    if ahead := deployments.ahead_of(deployment):
        code += ".queued"
        more |= {"behind": ahead[-1].pk, "behind_by": ahead[-1].requested_by.username}
    return _told(code, order, deployment, Announce(deployment.pk), **more)


def _named(order: Order, status: Status) -> Deployment:
    """The deployment that is named by its number, or the only one of an app (and environment) with this status."""
    if order.parsed.id is not None:
        return order.deployment()
    if not order.app_name:
        raise Refused("id_required")
    app, environment = order.app(), order.environment_or_none()
    rows = list(deployments.active([app]).filter(status=status, environment__in=order.environments()))
    if not rows:
        raise Refused("nothing_running", app=app.name, environment=environment.name if environment else "")
    if len(rows) > 1:
        verb = "pause" if status == Status.RUNNING else "resume"
        lines = [order.line(f"{verb} #{deployment.pk}") for deployment in rows[:5]]
        raise Refused("several_running", suggest=lines, app=app.name)
    order.require_room(rows[0].environment)
    return rows[0]


def _told(code: str, order: Order, deployment: Deployment, *effects: Announce, **more: Any) -> Reply:
    app, environment = deployment.app.name, deployment.environment.name
    reply = order.answer(code, app, number=deployment.pk, app=app, environment=environment, **more)
    return Reply(
        reply.code,
        reply.params,
        is_public=reply.is_public,
        deployment_id=deployment.pk,
        effects=effects if reply.is_public else (),
    )
