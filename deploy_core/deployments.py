"""The face of the core: ask for a deployment, take one back, stop one, and see what is where.

Acts check the person's rights, write rows, journal and audit in the caller's transaction, and wake the engine
after its commit. A busy environment queues what is asked for; `queue.ahead_of` says behind what.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from deploy_core.errors import Refused, UnknownName
from deploy_core.ledger import audit, journal
from deploy_core.models import App, Deployment, Environment, Person, Release, ReleaseCopy, Schedule, Server
from deploy_core.rules import pipeline, plan
from deploy_core.rules.events import CancelRequested, DeploymentRequested
from deploy_core.rules.status import ACTIVE, ENDED, WAITING, Status
from deploy_core.run import engine, facts
from deploy_core.safety import access, gates, locks, queue
from deploy_core.safety.gates import NO_WISH, Wish


class Standing(NamedTuple):
    """What one server of an environment runs, and since when."""

    server: Server
    release: Release | None
    since: datetime | None


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
        Refused: the environment has no servers; `locked`, `frozen`, `reason_required`.
    """
    access.require(by, "deploy", app.name, environment.name)
    servers = [name for name in _server_names(environment) if not only or name in only]
    gates.refuse(app, environment, by=by, wish=wish)
    deployment = Deployment.objects.create(
        app=app,
        environment=environment,
        ref=ref or environment.default_ref or app.default_ref,
        plan={**({"only": servers} if only else {}), **({"revision": revision} if revision else {})},
        requested_by=by,
        surface=surface,
        run=1,
        **_wished(wish),
    )
    _keep_schedule(deployment, wish)
    _open(deployment, servers)
    _audit(deployment, "deployment.request", ref=deployment.ref)
    _wake_engine(deployment.pk)
    return deployment


@transaction.atomic
def redeploy(app: App, environment: Environment, *, by: Person, surface: str, wish: Wish = NO_WISH) -> Deployment:
    """A new deployment of what the environment runs: the same artifact once more, without git or build.

    Raises:
        Forbidden, Refused: as `request`; `nothing_to_redeploy`.
    """
    access.require(by, "deploy", app.name, environment.name)
    source = Release.objects.current_in(environment)
    if source is None:
        raise Refused("nothing_to_redeploy", app=app.name, environment=environment.name)
    return _send(source, environment, Deployment.Kind.REDEPLOY, by=by, surface=surface, wish=wish)


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
) -> Deployment:
    """A new deployment of what `source` runs, or of its release of `ref`: the same artifact, without git or build.

    Raises:
        Forbidden, Refused: as `request`; `nothing_to_promote`: no such release was deployed to `source` with success.
    """
    access.require(by, "deploy", app.name, environment.name)
    if source == environment:
        raise Refused("promote_nowhere", app=app.name, environment=environment.name)
    release = _proven_release(source, ref) if ref else Release.objects.current_in(source)
    if release is None:
        raise Refused("nothing_to_promote", app=app.name, environment=source.name)
    return _send(release, environment, Deployment.Kind.PROMOTE, by=by, surface=surface, wish=wish)


def _send(
    source: Release, environment: Environment, kind: Deployment.Kind, *, by: Person, surface: str, wish: Wish
) -> Deployment:
    app = environment.app
    servers = _server_names(environment)
    gates.refuse(app, environment, by=by, wish=wish)
    deployment = Deployment.objects.create(
        app=app,
        environment=environment,
        kind=kind,
        ref=source.ref,
        requested_by=by,
        surface=surface,
        **_wished(wish),
    )
    _keep_schedule(deployment, wish)
    _open(deployment, servers)
    facts.aim_from(deployment, source)
    gates.pass_on(deployment.pk)
    _audit(deployment, f"deployment.{kind}", release=source.name)
    _wake_engine(deployment.pk)
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

    Raises:
        Forbidden, Refused: as `request`; `nothing_deployed`.
        UnknownName: `unknown_task`: what is live has none of that name.
    """
    access.require(by, "deploy", app.name, environment.name)
    servers = [name for name in _server_names(environment) if not only or name in only]
    gates.refuse(app, environment, by=by, wish=wish)
    release = Release.objects.current_in(environment)
    if release is None:
        raise Refused("nothing_deployed", app=app.name, environment=environment.name)
    tasks = pipeline.for_environment(pipeline.parse(release.pipeline), environment.name).tasks
    if task not in tasks:
        raise UnknownName("unknown_task", given=task, near=sorted(tasks), app=app.name, environment=environment.name)
    deployment = Deployment.objects.create(
        app=app,
        environment=environment,
        kind=Deployment.Kind.TASK,
        ref=f":{task}",  # as it is typed; no ref begins so
        plan={"task": task, **({"only": servers} if only else {})},
        requested_by=by,
        surface=surface,
        **_wished(wish),
    )
    _keep_schedule(deployment, wish)
    _open(deployment, servers)
    facts.aim_task(deployment, release, servers)
    gates.pass_on(deployment.pk)
    _audit(deployment, "deployment.task", task=task)
    _wake_engine(deployment.pk)
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
    release = _named_release(environment, to) if to else Release.objects.to_go_back_to(environment)
    if release is None:
        raise Refused("nothing_to_roll_back", app=app.name, environment=environment.name)
    deployment = Deployment.objects.create(
        app=app,
        environment=environment,
        kind=Deployment.Kind.ROLLBACK,
        ref=release.ref,
        plan={"to": to or ""},
        requested_by=by,
        surface=surface,
        **_wished(wish),
    )
    _open(deployment, servers)
    facts.aim_at(deployment, release)
    gates.pass_on(deployment.pk)
    _audit(deployment, "deployment.rollback", release=release.name)
    if wish.because and not locks.of_another(app, environment.name, by):
        locks.take(app, environment.name, by=by, reason=wish.because)
    _wake_engine(deployment.pk)
    deployment.refresh_from_db()
    return deployment


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
        _wake_engine(deployment.pk)
    else:
        deployment.refresh_from_db()
        if deployment.status != Status.CANCELLING:
            code = "already_ended" if deployment.status in ENDED else "cannot_cancel"
            raise Refused(code, number=deployment.pk, status=deployment.status)
    audit.record(by, "deployment.cancel", target, "accepted")
    deployment.refresh_from_db()
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
    _wake_engine(deployment.pk)
    deployment.refresh_from_db()
    return deployment


def current(environment: Environment) -> list[Standing]:
    """What each server of `environment` runs, in the order of its servers."""
    copies = {
        copy.server_id: copy
        for copy in ReleaseCopy.objects.filter(environment=environment, is_current=True).select_related("release")
    }
    standings = []
    for placement in environment.placements.select_related("server"):
        copy = copies.get(placement.server_id)
        standings.append(Standing(placement.server, copy.release if copy else None, copy.switched if copy else None))
    return standings


def history(app: App, environment: Environment | None = None) -> QuerySet[Deployment]:
    """The deployments of an app, the newest first; slice it."""
    found = Deployment.objects.filter(app=app).select_related("app", "environment", "requested_by", "release")
    return (found.filter(environment=environment) if environment else found).order_by("-pk")


def latest(app: App, environment: Environment | None = None) -> Deployment | None:
    """The newest deployment of an app."""
    return history(app, environment).first()


def active(apps: Iterable[App] | None = None) -> QuerySet[Deployment]:
    """All deployments that run or wait, of `apps` or of every app, the oldest first."""
    found = Deployment.objects.filter(status__in=ACTIVE | WAITING).select_related("app", "environment", "requested_by")
    return (found if apps is None else found.filter(app__in=list(apps))).order_by("pk")


def ahead_of(deployment: Deployment) -> list[Deployment]:
    """What has to end before `deployment` runs, in that order."""
    return queue.ahead_of(deployment)


def _wake_engine(deployment_id: int) -> None:
    # No partial: Django asks a robust callback that failed for its __qualname__.
    transaction.on_commit(lambda: engine.start(deployment_id), robust=True)


def _server_names(environment: Environment) -> list[str]:
    names = list(environment.placements.values_list("server__name", flat=True))
    if not names:
        raise Refused("no_servers", app=environment.app.name, environment=environment.name)
    return names


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
    )
    journal.record(deployment.pk, event, person=deployment.requested_by)


def _wished(wish: Wish) -> dict[str, Any]:
    return {"is_forced": wish.force, "because": wish.because, "waits_for_lock": wish.waits_for_lock}


def _keep_schedule(deployment: Deployment, wish: Wish) -> None:
    if wish.at:
        Schedule.objects.create(deployment=deployment, at=wish.at, time_zone=wish.zone)


def _audit(deployment: Deployment, action: str, **params: Any) -> None:
    if deployment.is_forced:
        params |= {"forced": deployment.because}
    audit.record(deployment.requested_by, action, f"{deployment.environment} #{deployment.pk}", "accepted", **params)


def _mark_cancelled(deployment: Deployment, by: Person) -> None:
    Deployment.objects.filter(pk=deployment.pk).update(cancel_requested=timezone.now(), cancelled_by=by)
    journal.record(deployment.pk, CancelRequested(by.username), person=by)


def _proven_release(environment: Environment, ref: str) -> Release | None:
    """The newest release of `ref`, or of the revision that it begins, that was deployed there with success."""
    found = Release.objects.filter(environment=environment, deployments__status=Status.SUCCEEDED)
    of_revision = Q(revision__startswith=ref.lower()) if len(ref) >= 7 else Q(ref=ref)
    return found.filter(Q(ref=ref) | of_revision).order_by("-pk").first()


def _named_release(environment: Environment, name: str) -> Release:
    # What was staged but never live may have been stopped for a reason, and was never agreed to as a way back.
    switched_to = ReleaseCopy.objects.filter(environment=environment, switched__isnull=False)
    proven = Deployment.objects.filter(environment=environment, status=Status.SUCCEEDED)
    was_live = Q(pk__in=switched_to.values("release")) | Q(pk__in=proven.values("release"))
    found = Release.objects.complete_in(environment).filter(was_live)
    release = found.filter(Q(name=name) | Q(revision__startswith=name.lower())).first() if len(name) >= 4 else None
    if release is None:
        near = list(found.values_list("name", flat=True)[:5])
        raise UnknownName("release_not_found", release=name, environment=environment.name, near=near)
    return release
