"""Commands that change what runs: deploy, rollback, cancel. They ask the core and never touch a server."""

from typing import Any

from bot.invocation import Announce, Reply
from bot.order import Order
from bot.registry import Argument, command
from deploy_core import deployments
from deploy_core.errors import Refused
from deploy_core.models import Deployment
from deploy_core.rules.status import Status


@command(
    "deploy",
    Argument("app", "app_ref", is_required=True),
    Argument("environment", "to_environment", is_required=True, after="to"),
    permission="deploy",
    example="/deploy shop/main to staging",
)
def deploy(order: Order) -> Reply:
    _refuse_unbuilt(order)
    deployment = deployments.request(
        order.app(), order.parsed.ref, order.environment(), by=order.invocation.actor, surface=order.invocation.surface
    )
    return _accepted("requested", order, deployment)


@command(
    "rollback",
    Argument("app", "app", is_required=True),
    Argument("environment", "in_environment", is_required=True, after="in"),
    Argument("release", "to_release", after="to"),
    permission="rollback",
    example="/rollback shop in staging",
)
def rollback(order: Order) -> Reply:
    _refuse_unbuilt(order)
    if order.parsed.id is not None:
        named = _still_running(order.deployment())
        app, environment = named.app, named.environment
    else:
        app, environment = order.app(), order.environment()
    deployment = deployments.roll_back(
        app,
        environment,
        by=order.invocation.actor,
        surface=order.invocation.surface,
        to=order.parsed.release or None,
    )
    return _accepted("rollback_requested", order, deployment, release=deployment.release and deployment.release.name)


def _still_running(deployment: Deployment) -> Deployment:
    """`deployment`, if it is the one that its environment runs: taking back an older one would undo another's work."""
    done = Deployment.objects.filter(environment=deployment.environment, status=Status.SUCCEEDED)
    if done.order_by("-pk").values_list("pk", flat=True).first() != deployment.pk:
        app, environment = deployment.app.name, deployment.environment.name
        raise Refused("not_what_runs", number=deployment.pk, app=app, environment=environment)
    return deployment


@command("cancel", Argument("deployment", "deployment", is_required=True), permission="cancel", example="/cancel #42")
def cancel(order: Order) -> Reply:
    deployment = order.deployment() if order.parsed.id is not None else _only_one_active(order)
    deployment = deployments.cancel(deployment, by=order.invocation.actor)
    is_over = deployment.status == Status.CANCELLED
    app, environment = deployment.app.name, deployment.environment.name
    reply = order.answer(
        "cancel_done" if is_over else "cancel_requested",
        app,
        number=deployment.pk,
        app=app,
        environment=environment,
    )
    return _about(reply, deployment)


def _only_one_active(order: Order) -> Deployment:
    if not order.app_name:
        raise Refused("id_required")
    app, environment = order.app(), order.environment_or_none()
    found = deployments.active([app])
    running = list(found.filter(environment=environment) if environment else found)
    if not running:
        raise Refused("nothing_running", app=app.name, environment=environment.name if environment else "")
    if len(running) > 1:
        lines = [order.line(f"cancel #{deployment.pk}") for deployment in running[:5]]
        raise Refused("several_running", suggest=lines, app=app.name)
    return running[0]


def _accepted(code: str, order: Order, deployment: Deployment, **more: Any) -> Reply:
    """The reply that names a new deployment, and behind which one it waits; its card shows in the room."""
    ahead = deployments.ahead_of(deployment)
    app, environment = deployment.app.name, deployment.environment.name
    params: dict[str, Any] = {
        "number": deployment.pk,
        "app": app,
        "environment": environment,
        "ref": deployment.ref,
        "by": deployment.requested_by.username,
        **more,
    }
    if ahead:
        code = f"{code}.queued"
        params |= {"behind": ahead[-1].pk, "behind_by": ahead[-1].requested_by.username}
    return _about(order.answer(code, app, **params), deployment, Announce(deployment.pk))


def _about(reply: Reply, deployment: Deployment, *effects: Announce) -> Reply:
    """The reply tied to its deployment; only a room that sees the reply gets the card."""
    return Reply(
        reply.code,
        reply.params,
        is_public=reply.is_public,
        deployment_id=deployment.pk,
        effects=effects if reply.is_public else (),
    )


def _refuse_unbuilt(order: Order) -> None:
    """Refuse what the grammar knows and this version cannot do, so that no word is ever ignored."""
    parsed = order.parsed
    parts = (
        (parsed.task, f":{parsed.task}"),
        (parsed.hosts, f"/{','.join(parsed.hosts)}"),
        (parsed.when, parsed.when),
        (parsed.params, f"| {parsed.params}"),
        (parsed.force, "!"),
        (parsed.otp, {"code": "part.otp", "params": {}}),
    )
    for is_given, part in parts:
        if is_given:
            raise Refused("not_yet_part", part=part)
