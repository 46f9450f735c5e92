"""Acts on a deployment that exists: let it stand still, let it go on, do it again; and tasks of what is live.

As in `deployments`, acts check the person's rights, write rows in the caller's transaction, and wake the engine
after its commit.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from django.db import transaction

from deploy_core import deployments
from deploy_core.errors import Refused, UnknownName
from deploy_core.ledger import audit, journal
from deploy_core.models import Deployment, Environment, Group, Person, Step
from deploy_core.rules.status import ENDED, Status, StepStatus
from deploy_core.run import engine
from deploy_core.safety import access
from deploy_core.safety.gates import NO_WISH, Wish


@transaction.atomic
def pause(deployment: Deployment, *, by: Person) -> Deployment:
    """Let a running deployment stand still: the batch in hand is brought to its end, no other one begins.

    Raises:
        Forbidden: `by` may not stop deployments there.
        Refused: `not_running`.
    """
    _require(deployment, "cancel", by)
    who = {"by": by.username}
    if not journal.move(deployment.pk, Status.PAUSED, "paused_by", only_from={Status.RUNNING}, person=by, params=who):
        raise _refused("not_running", deployment)
    return _kept(deployment, "deployment.pause", by)


@transaction.atomic
def resume(deployment: Deployment, *, by: Person) -> Deployment:
    """Let a deployment that stands still go on.

    Raises:
        Forbidden: `by` may not deploy there.
        Refused: `not_paused`.
    """
    _require(deployment, "deploy", by)
    who = {"by": by.username}
    if not journal.move(deployment.pk, Status.RUNNING, "resumed_by", only_from={Status.PAUSED}, person=by, params=who):
        raise _refused("not_paused", deployment)
    engine.start_after_commit(deployment.pk)
    return _kept(deployment, "deployment.resume", by)


@transaction.atomic
def retry(
    deployment: Deployment, *, by: Person, surface: str, only_failed: bool = False, wish: Wish = NO_WISH
) -> Deployment:
    """A new deployment of what one that did not succeed was to ship: the same revision, to the same servers.

    `only_failed`: only to those of its servers that it did not bring to the new release.

    Raises:
        Forbidden, Refused: as `deployments.request`; `not_ended`, `nothing_failed`.
    """
    if deployment.status not in ENDED:
        raise _refused("not_ended", deployment)
    if deployment.status == Status.SUCCEEDED:
        raise _refused("nothing_failed", deployment)
    app, environment = deployment.app, deployment.environment
    if deployment.kind == Deployment.Kind.ROLLBACK and deployment.release:
        return deployments.roll_back(app, environment, by=by, surface=surface, to=deployment.release.name, wish=wish)
    only = deployment.plan.get("only", [])
    if only_failed:
        only = _left_behind(deployment)
        if not only:
            raise _refused("nothing_failed", deployment)
    wish = wish._replace(params=deployment.plan.get("params", ""))
    if task := deployment.plan.get("task"):
        return deployments.run_task(app, task, environment, by=by, surface=surface, only=only, wish=wish)
    if deployment.plan.get("manifest"):
        return deployments.send_again(deployment, by=by, surface=surface, only=only, wish=wish)
    return deployments.request(
        app,
        deployment.ref,
        environment,
        by=by,
        surface=surface,
        wish=wish,
        only=only,
        revision=deployment.revision,
    )


def choose(environment: Environment, words: Sequence[str]) -> list[str]:
    """The servers of `environment` that `words` name: servers, groups or patterns such as `web*`.

    Raises:
        UnknownName: `unknown_server`: one of them names none.
    """
    servers = list(environment.placements.values_list("server__name", flat=True))
    chosen: set[str] = set()
    for word in words:
        group = Group.objects.filter(name=word).values_list("servers__name", flat=True)
        found = {name for name in servers if fnmatchcase(name, word) or name in group}
        if not found:
            raise UnknownName(
                "unknown_server", given=word, servers=servers, app=environment.app.name, environment=environment.name
            )
        chosen |= found
    return [name for name in servers if name in chosen]


def _left_behind(deployment: Deployment) -> list[str]:
    """The servers of a deployment on which it did not do all it had to, or which went back."""
    steps = Step.objects.filter(deployment=deployment).exclude(server_name="")
    servers = list(dict.fromkeys(steps.values_list("server_name", flat=True)))
    done = {StepStatus.SUCCEEDED, StepStatus.SKIPPED}
    short = set(steps.exclude(status__in=done).values_list("server_name", flat=True))
    short |= set(steps.filter(reason="not_reached").values_list("server_name", flat=True))
    short |= set(steps.filter(kind="back").values_list("server_name", flat=True))
    return [name for name in servers if name in short]


def _require(deployment: Deployment, action: str, by: Person) -> None:
    access.require(by, action, deployment.app.name, deployment.environment.name)


def _refused(code: str, deployment: Deployment) -> Refused:
    deployment.refresh_from_db(fields=["status"])
    return Refused(code, number=deployment.pk, status=deployment.status)


def _kept(deployment: Deployment, action: str, by: Person) -> Deployment:
    audit.record(by, action, f"{deployment.environment} #{deployment.pk}", "accepted")
    deployment.refresh_from_db()
    return deployment
