"""Commands that change what runs. They ask the core and never touch a server."""

from dataclasses import replace
from typing import Any

from bot.invocation import Announce, Reply
from bot.order import Order
from bot.phrases.tables import Cell, phrase
from bot.registry import Argument, command
from bot.wishes import wish_of
from deploy_core import deployments, outlook, steering
from deploy_core.errors import Refused
from deploy_core.models import App, CommitCheck, Deployment, Environment, Release
from deploy_core.rules import repository
from deploy_core.rules.status import Status
from deploy_core.safety import checks, locks
from deploy_core.safety.gates import Wish


@command(
    "deploy",
    Argument("app", "app_ref", is_required=True),
    Argument("environment", "to_environment", is_required=True, after="to"),
    permission="deploy",
    example="/deploy shop/main to staging",
)
def deploy(order: Order) -> Reply:
    _refuse_unbuilt(order, but=("task", "hosts", "params"))
    parsed, wish = order.parsed, wish_of(order)
    app, environment = order.app(), order.environment()
    asked: dict[str, Any] = {
        "by": order.invocation.actor,
        "surface": order.invocation.surface,
        "wish": wish,
        "only": steering.choose(environment, parsed.hosts),
    }
    if not parsed.task:
        _refuse_red(app, environment, parsed.ref, wish)
        deployment = deployments.request(app, parsed.ref, environment, **asked)
        lost = _left_out(deployment)
        reply = _accepted("requested", order, deployment, wish, servers=asked["only"], dropped=lost)
        look = order.line(f"diff {app.name} {deployment.ref} to {environment.name}")
        return replace(reply, suggest=(look,)) if lost else reply
    if parsed.ref:
        raise Refused("task_with_ref", task=parsed.task)
    deployment = deployments.run_task(app, parsed.task, environment, **asked)
    return _accepted("task_requested", order, deployment, wish, task=parsed.task, servers=asked["only"])


def _left_out(deployment: Deployment) -> Cell:
    """The commits of others that run there now and that this ref lacks, as far as the last fetch knows; else empty."""
    current = Release.objects.current_in(deployment.environment)
    if current is None:
        return ""
    try:
        target = outlook.revision_of(deployment.app, deployment.ref)
    except Refused:
        return ""
    dropped = outlook.between(deployment.app, current.revision, target).dropped or []
    theirs = [commit for commit in dropped if commit.author != deployment.requested_by.username]
    authors = list(dict.fromkeys(commit.author for commit in theirs))
    return phrase("word.commits_by", {"count": len(theirs), "authors": authors[:5]}) if theirs else ""


def _refuse_red(app: App, environment: Environment, ref: str, wish: Wish) -> None:
    """Refuse a commit that is known to be red. A branch may have moved since: it is looked at when it is planned."""
    may_force = environment.checks_may_be_forced
    if not environment.required_checks or (wish.force and may_force) or not repository.is_commit_id(ref):
        return
    revision = CommitCheck.objects.filter(app=app, revision__startswith=ref).values_list("revision", flat=True).first()
    said = checks.about(app, environment, revision) if revision else None
    if revision and said and said.red:
        told = checks.told(said, revision) | {"app": app.name, "environment": environment.name}
        raise Refused("checks_failed", **told, may_force=int(may_force))


command(
    "schedule",
    Argument("app", "app_ref", is_required=True),
    Argument("environment", "to_environment", is_required=True, after="to"),
    permission="deploy",
    example="/schedule deploy shop to staging at 22:00",
)(deploy)


@command(
    "redeploy",
    Argument("app", "app", is_required=True),
    Argument("environment", "to_environment", is_required=True, after="to"),
    permission="deploy",
    example="/redeploy shop to staging",
)
def redeploy(order: Order) -> Reply:
    _refuse_unbuilt(order, but=("hosts",))
    wish, environment = wish_of(order), order.environment()
    only = steering.choose(environment, order.parsed.hosts)
    deployment = deployments.redeploy(
        order.app(),
        environment,
        by=order.invocation.actor,
        surface=order.invocation.surface,
        wish=wish,
        only=only,
    )
    return _accepted("redeploy_requested", order, deployment, wish, servers=only)


@command(
    "promote",
    Argument("app", "app", is_required=True),
    Argument("environment", "to_environment", is_required=True, after="to"),
    permission="deploy",
    example="/promote shop from staging to production",
)
def promote(order: Order) -> Reply:
    _refuse_unbuilt(order, but=("hosts",))
    wish, environment = wish_of(order), order.environment()
    source = _source(order)
    only = steering.choose(environment, order.parsed.hosts)
    deployment = deployments.promote(
        order.app(),
        source,
        environment,
        by=order.invocation.actor,
        surface=order.invocation.surface,
        ref=order.parsed.ref,
        wish=wish,
        only=only,
    )
    return _accepted("promote_requested", order, deployment, wish, source=source.name, servers=only)


def _source(order: Order) -> Environment:
    """The environment that is named, or the one before the target in the app's own order."""
    app, target = order.app(), order.environment()
    if order.parsed.from_:
        return order.environment_of(app, order.parsed.from_)
    names = order.world.names[app.name].environments
    at = names.index(target.name)
    if not at:
        raise Refused("promote_nowhere", app=app.name, environment=target.name)
    return order.environment_of(app, names[at - 1])


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
    wish = wish_of(order)
    deployment = deployments.roll_back(
        app,
        environment,
        by=order.invocation.actor,
        surface=order.invocation.surface,
        to=order.parsed.release or None,
        wish=wish,
    )
    release = deployment.release.name if deployment.release else ""
    return _accepted("rollback_requested", order, deployment, wish, release=release)


def _still_running(deployment: Deployment) -> Deployment:
    """`deployment`, if it is the one that its environment runs: taking back an older one would undo another's work."""
    done = Deployment.objects.filter(environment=deployment.environment, status=Status.SUCCEEDED)
    done = done.exclude(kind=Deployment.Kind.TASK)
    is_last = done.order_by("-pk").values_list("pk", flat=True).first() == deployment.pk
    # One that failed since may have left its release on some servers.
    current = Release.objects.current_in(deployment.environment)
    is_changed = current and deployment.release and current.content != deployment.release.content
    if not is_last or is_changed:
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
    running = list(deployments.active([app]).filter(environment__in=order.environments()))
    if not running:
        raise Refused("nothing_running", app=app.name, environment=environment.name if environment else "")
    if len(running) > 1:
        lines = [order.line(f"cancel #{deployment.pk}") for deployment in running[:5]]
        raise Refused("several_running", suggest=lines, app=app.name)
    order.require_room(running[0].environment)
    return running[0]


def _accepted(code: str, order: Order, deployment: Deployment, wish: Wish, **more: Any) -> Reply:
    """The reply that names a new deployment, and what it waits for; its card shows in the room."""
    ahead = deployments.ahead_of(deployment)
    lock = locks.in_the_way([deployment]).get(deployment.pk)
    otherwise = code if code == "rollback_requested" else "requested"
    app, environment = deployment.app.name, deployment.environment.name
    params: dict[str, Any] = {
        "number": deployment.pk,
        "app": app,
        "environment": environment,
        "ref": deployment.ref,
        "by": deployment.requested_by.username,
        **more,
    }
    if wish.force:
        code = f"{otherwise}.forced"
        params["because"] = wish.because
    elif wish.at:
        code = f"{otherwise}.scheduled"
        params |= {"local": f"{wish.at.astimezone(order.zone()):%Y-%m-%d %H:%M}", "zone": wish.zone}
    elif lock:
        code = f"{otherwise}.behind_lock"
        params["lock_by"] = lock.owner.username
    elif ahead:
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


def _refuse_unbuilt(order: Order, but: tuple[str, ...] = ()) -> None:
    """Refuse what the grammar knows and the command cannot do, so that no word is ever ignored; `but` it can do."""
    parsed = order.parsed
    parts = {
        "task": f":{parsed.task}",
        "hosts": f"/{','.join(parsed.hosts)}",
        "params": f"| {parsed.params}",
    }
    for name, part in parts.items():
        if getattr(parsed, name) and name not in but:
            raise Refused("not_yet_part", part=part)
