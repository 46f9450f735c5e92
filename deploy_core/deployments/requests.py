"""New deployments: of a ref, of what runs here or elsewhere, back to what ran before, or a task of what is live."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from deploy_core.errors import Refused, UnknownName
from deploy_core.ledger import audit, journal
from deploy_core.models import App, Deployment, Environment, Person, Release, Schedule
from deploy_core.models.statements import fetch, insert
from deploy_core.rules import pipeline, plan
from deploy_core.rules.events import DeploymentRequested
from deploy_core.run import engine, facts
from deploy_core.safety import access, gates, locks
from deploy_core.safety.gates import NO_WISH, Wish

from . import releases


@transaction.atomic
def request(
    app: App,
    ref: str,
    environment: Environment,
    *,
    by: Person,
    surface: str,
    wish: Wish = NO_WISH,
    only: Sequence[str] = (),
    revision: str = "",
) -> Deployment:
    """A new deployment of `ref` ("": the environment's or the app's usual one), planned and started by the engine.

    The ref is resolved once, when it is planned, unless `revision` says what it is; what people then confirm or
    approve is what ships. `only` names the servers it goes to; without, it goes to all.

    Raises:
        Forbidden: `by` may not deploy there.
        Refused: `no_servers`, `unknown_server`; `locked`, `frozen`, `reason_required`.
    """
    access.require(by, "deploy", app.name, environment.name)
    servers = _server_names(environment, only)
    gates.refuse(app, environment, by=by, wish=wish)
    deployment = Deployment(
        app=app,
        environment=environment,
        ref=ref or environment.default_ref or app.default_ref,
        plan=_aims(only=servers if only else (), revision=revision, params=wish.params),
        requested_by=by,
        surface=surface,
        run=1,
        **_wished(wish),
    )
    insert([deployment])
    _keep_schedule(deployment, wish)
    _open(deployment, servers)
    _audit(deployment, "deployment.request", ref=deployment.ref)
    engine.start_after_commit(deployment.pk)
    return deployment


@transaction.atomic
def redeploy(
    app: App, environment: Environment, *, by: Person, surface: str, wish: Wish = NO_WISH, only: Sequence[str] = ()
) -> Deployment:
    """A new deployment of what the environment runs with success: the same artifact again, without git or build.

    `only` as in `request`.

    Raises:
        Forbidden, Refused: as `request`; `nothing_to_redeploy`.
    """
    access.require(by, "deploy", app.name, environment.name)
    source = Release.objects.proven_in(environment)
    if source is None:
        raise Refused("nothing_to_redeploy", app=app.name, environment=environment.name)
    return _send(source, environment, Deployment.Kind.REDEPLOY, by=by, surface=surface, wish=wish, only=only)


@transaction.atomic
def promote(
    app: App,
    source: Environment,
    environment: Environment,
    *,
    by: Person,
    surface: str,
    ref: str = "",
    wish: Wish = NO_WISH,
    only: Sequence[str] = (),
) -> Deployment:
    """A new deployment of what `source` runs, or of its release of `ref`: the same artifact, without git or build.

    `only` as in `request`.

    Raises:
        Forbidden, Refused: as `request`; `nothing_to_promote`: no such release was deployed to `source` with success.
    """
    access.require(by, "deploy", app.name, environment.name)
    if source == environment:
        raise Refused("promote_nowhere", app=app.name, environment=environment.name)
    release = releases.proven(source, ref) if ref else Release.objects.proven_in(source)
    if release is None:
        raise Refused("nothing_to_promote", app=app.name, environment=source.name)
    return _send(release, environment, Deployment.Kind.PROMOTE, by=by, surface=surface, wish=wish, only=only)


@transaction.atomic
def send_again(
    deployment: Deployment, *, by: Person, surface: str, wish: Wish = NO_WISH, only: Sequence[str] = ()
) -> Deployment:
    """A new deployment of the same artifact that `deployment`, a redeployment or promotion, was to send.

    Raises:
        Forbidden, Refused: as `request`; `nothing_to_redeploy`: nobody has it any more.
    """
    app, environment = deployment.app, deployment.environment
    access.require(by, "deploy", app.name, environment.name)
    made_of = Release.objects.filter(environment__app=app, manifest=deployment.plan.get("manifest"))
    source = made_of.filter(environment__name=deployment.plan.get("from")).order_by("-pk").first()
    if source is None:
        raise Refused("nothing_to_redeploy", app=app.name, environment=environment.name)
    kind = Deployment.Kind(deployment.kind)
    return _send(source, environment, kind, by=by, surface=surface, wish=wish, only=only)


def _send(
    source: Release,
    environment: Environment,
    kind: Deployment.Kind,
    *,
    by: Person,
    surface: str,
    wish: Wish,
    only: Sequence[str],
) -> Deployment:
    app = environment.app
    servers = _server_names(environment, only)
    gates.refuse(app, environment, by=by, wish=wish)
    deployment = Deployment(
        app=app,
        environment=environment,
        kind=kind,
        ref=source.ref,
        plan={"only": servers} if only else {},
        requested_by=by,
        surface=surface,
        **_wished(wish),
    )
    insert([deployment])
    _keep_schedule(deployment, wish)
    _open(deployment, servers)
    facts.aim_from(deployment, source, servers)
    gates.pass_on(deployment.pk)
    _audit(deployment, f"deployment.{kind}", release=source.name)
    engine.start_after_commit(deployment.pk)
    deployment.refresh_from_db()
    return deployment


@transaction.atomic
def run_task(
    app: App,
    task: str,
    environment: Environment,
    *,
    by: Person,
    surface: str,
    only: Sequence[str] = (),
    wish: Wish = NO_WISH,
) -> Deployment:
    """A new deployment that ships nothing: it runs a task of what is live, on all servers or `only` on some.

    What is live is seen again when it starts, behind another deployment perhaps; where people agreed to it, it then
    runs in what they agreed to, or not at all.

    Raises:
        Forbidden, Refused: as `request`; `nothing_deployed`.
        UnknownName: `unknown_task`: what is live has none of that name.
    """
    access.require(by, "deploy", app.name, environment.name)
    servers = _server_names(environment, only)
    gates.refuse(app, environment, by=by, wish=wish)
    release = Release.objects.current_in(environment, servers)
    if release is None:
        raise Refused("nothing_deployed", app=app.name, environment=environment.name)
    tasks = pipeline.of_release(release.pipeline, environment.name).tasks
    if task not in tasks:
        raise UnknownName("unknown_task", given=task, near=sorted(tasks), app=app.name, environment=environment.name)
    deployment = Deployment(
        app=app,
        environment=environment,
        kind=Deployment.Kind.TASK,
        ref=f":{task}",  # as it is typed; no ref begins so
        plan=_aims(task=task, only=servers if only else (), params=wish.params),
        requested_by=by,
        surface=surface,
        **_wished(wish),
    )
    insert([deployment])
    _keep_schedule(deployment, wish)
    _open(deployment, servers)
    facts.aim_task(deployment, release, servers)
    gates.pass_on(deployment.pk)
    _audit(deployment, "deployment.task", task=task)
    engine.start_after_commit(deployment.pk)
    deployment.refresh_from_db()
    return deployment


@transaction.atomic
def roll_back(
    app: App,
    environment: Environment,
    *,
    by: Person,
    surface: str,
    to: str | None = None,
    wish: Wish = NO_WISH,
) -> Deployment:
    """A new deployment that makes an older release current again: `to` (a release or revision), or the one before.

    It needs no git: the release lies complete on every server. Without `to`, and with other deployments ahead, the
    release is chosen again when it starts. Forced, with a reason, it passes locks and freezes. A reason also locks the
    environment for `by`, so that nobody ships the same again before it is mended.

    Raises:
        Forbidden: `by` may not roll back there.
        Refused: no servers, or no older release is on all of them (`nothing_to_roll_back`).
        UnknownName: no such release is on all of them (`release_not_found`).
    """
    access.require(by, "rollback", app.name, environment.name)
    servers = _server_names(environment)
    gates.refuse(app, environment, by=by, wish=wish, forcing="rollback")
    release = releases.named(environment, to) if to else Release.objects.to_go_back_to(environment)
    if release is None:
        raise Refused("nothing_to_roll_back", app=app.name, environment=environment.name)
    deployment = Deployment(
        app=app,
        environment=environment,
        kind=Deployment.Kind.ROLLBACK,
        ref=release.ref,
        plan={"to": to or ""},
        requested_by=by,
        surface=surface,
        **_wished(wish),
    )
    insert([deployment])
    _open(deployment, servers)
    facts.aim_at(deployment, release)
    gates.pass_on(deployment.pk)
    if wish.because and not locks.of_another(app, environment.name, by):
        locks.take(app, environment.name, by=by, reason=wish.because)
    _audit(deployment, "deployment.rollback", release=release.name)
    engine.start_after_commit(deployment.pk)
    deployment.refresh_from_db()
    return deployment


_SERVERS = """
    SELECT server.name FROM deploy_core_placement placement JOIN deploy_core_server server
    ON server.id = placement.server_id WHERE placement.environment_id = %s ORDER BY placement.position, placement.id
"""


def _server_names(environment: Environment, only: Sequence[str] = ()) -> list[str]:
    """Those that a deployment goes to, in their order; of `only`, what was taken off the environment is left out.

    Raises:
        Refused: `no_servers`.
        UnknownName: `unknown_server`: it has none of `only` any more.
    """
    app, names = environment.app.name, [name for (name,) in fetch(_SERVERS, (environment.pk,))]
    if not names:
        raise Refused("no_servers", app=app, environment=environment.name)
    chosen = [name for name in names if not only or name in only]
    if not chosen:
        given = ", ".join(only)
        raise UnknownName("unknown_server", given=given, servers=names, app=app, environment=environment.name)
    return chosen


def _open(deployment: Deployment, servers: list[str]) -> None:
    """Write the steps and the first journal entry."""
    steps = plan.lay_out(deployment.kind, servers)
    journal.store_steps(deployment.pk, steps)
    event = DeploymentRequested(
        app=deployment.app.name,
        environment=deployment.environment.name,
        deployment_kind=deployment.kind,
        ref=deployment.ref,
        by=deployment.requested_by.username,
        surface=deployment.surface,
        steps=steps,
        because=deployment.because,
    )
    journal.record(deployment.pk, event, person=deployment.requested_by)


def _aims(**said: str | Sequence[str]) -> dict[str, Any]:
    """What a deployment is told beyond its ref: only what was said."""
    return {name: value for name, value in said.items() if value}


def _wished(wish: Wish) -> dict[str, Any]:
    return {"is_forced": wish.force, "because": wish.because, "waits_for_lock": wish.waits_for_lock}


def _keep_schedule(deployment: Deployment, wish: Wish) -> None:
    if wish.at:
        Schedule.objects.create(deployment=deployment, at=wish.at, time_zone=wish.zone)


def _audit(deployment: Deployment, action: str, **params: Any) -> None:
    if deployment.is_forced:
        params |= {"forced": deployment.because}
    audit.record(deployment.requested_by, action, f"{deployment.environment} #{deployment.pk}", "accepted", **params)
