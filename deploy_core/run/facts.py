"""What became known or true while steps ran, as rows: refs, plans, artifacts, releases on servers."""

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q
from django.utils import timezone

from deploy_core.errors import BuildError
from deploy_core.ledger import journal
from deploy_core.models import (
    App,
    Artifact,
    Deployment,
    Environment,
    JournalEntry,
    KnownCommit,
    KnownRef,
    Manifest,
    Release,
    ReleaseCopy,
    Step,
)
from deploy_core.reach.artifacts import Artifact as Built
from deploy_core.reach.git import Commit, Ref, Revision
from deploy_core.rules.events import DeploymentPlanned
from deploy_core.rules.plan import plan_hash
from deploy_core.rules.status import Status
from deploy_core.safety import fingerprint

#: As long as a row of `KnownRef` takes.
_REF_LENGTH = 250


def _can_be_kept(name: str) -> bool:
    """git takes any bytes as a name; a row takes UTF-8, and only so much. Nobody could type the others."""
    return len(name) <= _REF_LENGTH and not any("\ud800" <= character <= "\udfff" for character in name)


def keep_refs(app: App, refs: Sequence[Ref], commits: Mapping[str, Sequence[Commit]]) -> None:
    """Rows for the branches and tags of `app`, and for the newest commits of the branches that moved (`commits`)."""
    now = timezone.now()
    refs = [ref for ref in refs if _can_be_kept(ref.name)]
    commits = {branch: found for branch, found in commits.items() if _can_be_kept(branch)}
    names = {(ref.kind, ref.name) for ref in refs}
    known = KnownRef.objects.filter(app=app)
    gone = [row.pk for row in known if (row.kind, row.name) not in names]
    known.filter(pk__in=gone).delete()
    KnownRef.objects.bulk_create(
        [KnownRef(app=app, kind=ref.kind, name=ref.name, revision=ref.revision, at=ref.at) for ref in refs],
        update_conflicts=True,
        unique_fields=("app", "kind", "name"),
        update_fields=("revision", "at"),
    )
    branches = [name for kind, name in names if kind == KnownRef.Kind.BRANCH]
    KnownCommit.objects.filter(Q(app=app), ~Q(branch__in=branches) | Q(branch__in=list(commits))).delete()
    KnownCommit.objects.bulk_create(
        KnownCommit(
            app=app,
            branch=branch,
            revision=commit.revision,
            subject=commit.subject[:300],
            author=commit.author[:200],
            at=commit.at,
            position=position,
        )
        for branch, found in commits.items()
        for position, commit in enumerate(found)
    )
    App.objects.filter(pk=app.pk).update(fetched=now)


def keep_plan(
    deployment: Deployment, revision: Revision, pipeline: str, servers: Sequence[str], commits: int | None
) -> None:
    """The revision and the plan on the deployment's row and in its journal."""
    environment = deployment.environment
    before = Release.objects.current_in(environment)
    hashed = fingerprint.of(environment, revision.id, pipeline, servers)
    Deployment.objects.filter(pk=deployment.pk).update(
        revision=revision.id, plan={**deployment.plan, "pipeline": pipeline, "servers": list(servers)}, plan_hash=hashed
    )
    event = DeploymentPlanned(
        revision=revision.id,
        ref=deployment.ref if deployment.plan.get("revision") else revision.ref,  # people know it by that name
        subject=revision.subject,
        commits=commits,
        previous_revision=before.revision if before else "",
        plan_hash=hashed,
    )
    journal.record(deployment.pk, event)


def keep_artifact(app: App, revision: str, recipe: str, built: Built) -> Artifact:
    """The row of a built tree, and of its manifest."""
    manifest, _ = Manifest.objects.get_or_create(
        pk=built.manifest.id,
        defaults={
            "packed": built.manifest.pack(),
            "files": built.manifest.files,
            "size_bytes": built.size_bytes,
        },
    )
    row, _ = Artifact.objects.update_or_create(
        app=app, revision=revision, recipe=recipe, defaults={"manifest": manifest, "size_bytes": built.size_bytes}
    )
    return row


def keep_release(deployment: Deployment, artifact: Artifact, pipeline: str) -> Release:
    """The release that `deployment` makes of `artifact`; the same one however often it is asked.

    Built into something else than before, it begins anew: no server has it any more.

    Raises:
        BuildError: `artifact_lost`: some server was switched to what it was before.
    """
    release, _ = Release.objects.get_or_create(
        environment=deployment.environment,
        name=f"{deployment.pk}-{deployment.revision[:7]}",
        defaults={
            "revision": deployment.revision,
            "ref": deployment.ref,
            "pipeline": pipeline,
            "manifest": artifact.manifest,
        },
    )
    if release.manifest_id != artifact.manifest_id:
        tried = Step.objects.filter(deployment=deployment, kind="switch", attempt__gt=0)
        if tried.exists() or release.copies.filter(switched__isnull=False).exists():
            raise BuildError("artifact_lost", revision=deployment.revision)
        release.copies.all().delete()
        release.manifest = artifact.manifest
        release.save()
    Deployment.objects.filter(pk=deployment.pk).update(
        release=release, previous=Release.objects.current_in(deployment.environment)
    )
    return release


def aim_at(deployment: Deployment, release: Release) -> None:
    """A rollback goes to `release`: on its row, and in its journal."""
    environment = deployment.environment
    before = Release.objects.current_in(environment)
    servers = list(environment.placements.values_list("server__name", flat=True))
    hashed = plan_hash(
        revision=release.revision, pipeline=release.pipeline, servers=servers, values={"release": release.name}
    )
    Deployment.objects.filter(pk=deployment.pk).update(
        release=release, previous=before, revision=release.revision, ref=release.ref, plan_hash=hashed
    )
    _record_plan(deployment, release, before, hashed)


def _record_plan(deployment: Deployment, release: Release, before: Release | None, hashed: str) -> None:
    subjects = KnownCommit.objects.filter(app=deployment.app, revision=release.revision)
    event = DeploymentPlanned(
        revision=release.revision,
        ref=release.ref,
        subject=subjects.values_list("subject", flat=True).first() or "",
        commits=None,
        previous_revision=before.revision if before else "",
        plan_hash=hashed,
    )
    journal.record(deployment.pk, event)


def aim_from(deployment: Deployment, source: Release, servers: Sequence[str]) -> None:
    """A deployment ships what `source` was made of to `servers`, without git or build: on its row, in its journal."""
    environment = deployment.environment
    before = Release.objects.current_in(environment)
    hashed = fingerprint.of(environment, source.revision, source.pipeline, servers)
    Deployment.objects.filter(pk=deployment.pk).update(
        revision=source.revision,
        ref=source.ref,
        plan={
            **deployment.plan,
            "pipeline": source.pipeline,
            "servers": list(servers),
            "manifest": source.manifest_id,
            "from": source.environment.name,
        },
        plan_hash=hashed,
    )
    _record_plan(deployment, source, before, hashed)


def aim_task(deployment: Deployment, release: Release, servers: Sequence[str]) -> None:
    """A task runs in what `release` made live on `servers`: on its row, and in its journal."""
    hashed = fingerprint.of(deployment.environment, release.revision, release.pipeline, servers)
    deployment.plan = {**deployment.plan, "pipeline": release.pipeline, "servers": list(servers)}
    Deployment.objects.filter(pk=deployment.pk).update(
        revision=release.revision, plan=deployment.plan, plan_hash=hashed
    )
    _record_plan(deployment, release, release, hashed)


def aim_again(deployment: Deployment) -> None:
    """See what is current now that it starts: a task runs in that, a rollback goes to the release before it.

    A release that was named stays, and so does what people agreed to (`gates.spoilt`).
    """
    if deployment.kind == Deployment.Kind.TASK:
        live = Release.objects.current_in(deployment.environment, deployment.plan["servers"])
        if live and not fingerprint.is_of(deployment, live):
            aim_task(deployment, live, deployment.plan["servers"])
    if deployment.kind != Deployment.Kind.ROLLBACK or deployment.plan.get("to"):
        return
    release = Release.objects.to_go_back_to(deployment.environment)
    if release and release != deployment.release:
        aim_at(deployment, release)


def staged(release: Release, server_id: int) -> None:
    """A complete copy of `release` lies on a server."""
    ReleaseCopy.objects.update_or_create(
        server_id=server_id,
        release=release,
        defaults={"environment": release.environment, "staged": timezone.now()},
        create_defaults={"environment": release.environment, "staged": timezone.now()},
    )


def switched(release: Release, server_id: int) -> None:
    """`release` is what a server runs now."""
    copies = ReleaseCopy.objects.filter(environment=release.environment, server_id=server_id)
    copies.filter(is_current=True).exclude(release=release).update(is_current=False)
    now = timezone.now()
    if not copies.filter(release=release).update(is_current=True, switched=now):
        ReleaseCopy.objects.create(
            environment=release.environment,
            server_id=server_id,
            release=release,
            is_current=True,
            staged=now,
            switched=now,
        )


def pruned(environment: Environment, server_id: int, left: Iterable[str]) -> None:
    """No releases but those of these names are left on a server."""
    here = ReleaseCopy.objects.filter(environment=environment, server_id=server_id, is_current=False)
    here.exclude(release__name__in=list(left)).delete()


def current_releases(environment: Environment) -> dict[str, Release]:
    """What each server runs, by the server's name."""
    copies = ReleaseCopy.objects.filter(environment=environment, is_current=True)
    return {copy.server.name: copy.release for copy in copies.select_related("server", "release__environment")}


def paused_s(deployment: Deployment) -> float:
    """How many seconds a deployment stood still so far because somebody wanted it to."""
    moves = JournalEntry.objects.filter(deployment=deployment, kind="deployment.moved").order_by("number")
    total, since = 0.0, None
    for to, at in moves.values_list("payload__to", "at"):
        if since is not None:
            total += (at - since).total_seconds()
        since = at if to == Status.PAUSED else None
    return total + ((timezone.now() - since).total_seconds() if since else 0.0)
