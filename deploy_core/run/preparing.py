"""The steps before a server is touched: start, fetch, build, package.

An act runs in a thread, talks to the world, and leaves rows to the job's own thread.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from django.conf import settings

from deploy_core.errors import BuildError, DeployError, Forbidden, PipelineError, ReachError, Refused
from deploy_core.models import App, Artifact, Deployment, Forge, KnownRef, Release
from deploy_core.reach import artifacts, build, isolation
from deploy_core.reach.git import Commit, Mirror, Ref
from deploy_core.rules import pipeline
from deploy_core.rules.checks import verdict
from deploy_core.rules.repository import without_login
from deploy_core.safety import access, checks

from . import facts, looking
from .acts import Act, Hands
from .course import Course, port_on, shape_of
from .servers import targets

FILE = "deploy.yml"
#: How many commits a branch shows, and how many branches that moved are looked into after one fetch.
COMMITS_SHOWN = 50
BRANCHES_SHOWN = 50
#: More commits than this since the last deployment are not counted.
COMMITS_COUNTED = 1_000
#: So many artifacts of an app stay even when no server has them any more: somebody may deploy them again.
ARTIFACTS_KEPT = 3


def mirror_of(app: App) -> Mirror:
    """The app's mirror; another repository address gets another one."""
    name = hashlib.sha256(app.repository.encode()).hexdigest()[:16]
    return Mirror(Path(settings.SHIPROOM_DATA) / "mirrors" / f"{name}.git", app.repository)


def start(deployment: Deployment) -> Act:
    """Whoever asked must still be allowed to, and we must be able to log in."""
    action = "rollback" if deployment.kind == Deployment.Kind.ROLLBACK else "deploy"
    app, environment, person = deployment.app.name, deployment.environment.name, deployment.requested_by
    trouble: DeployError | None = None
    if not access.can(person, action, app, environment):
        trouble = Forbidden(who=person.username, action=action, app=app, environment=environment)
    else:
        try:
            targets(deployment.environment, only=deployment.plan.get("only", ()))
        except DeployError as error:
            trouble = error

    def act(hands: Hands) -> None:
        if trouble:
            raise trouble

    return act


def fetch(deployment: Deployment) -> Act:
    """Bring the mirror up to date, resolve the ref once, and read the pipeline at that revision."""
    app, environment = deployment.app, deployment.environment
    mirror = mirror_of(app)
    known = dict(app.refs.filter(kind=KnownRef.Kind.BRANCH).values_list("name", "revision"))
    found, _ = targets(environment, only=deployment.plan.get("only", ()))
    before = Release.objects.current_in(environment)
    host = looking.host_of(app)

    def act(hands: Hands) -> None:
        hands.say(f"fetch {without_login(app.repository)}")
        mirror.fetch(settings.GIT_TIMEOUT_S, stop=hands.stop)
        refs = mirror.refs()
        hands.record(partial(facts.keep_refs, app, refs, _newest_commits(mirror, refs, known)))
        revision = mirror.resolve(deployment.plan.get("revision") or deployment.ref)
        hands.say(f"{revision.kind} {revision.ref} is {revision.id}: {revision.subject}")
        if checks.applies_to(deployment):
            _ask_for_checks(deployment, host, revision.id, hands)
        text = app.pipeline or _pipeline_text(mirror, revision.id)
        shape = shape_of(text, environment)
        for target in found:
            port_on(target, shape)
        count = len(mirror.between(before.revision, revision.id, limit=COMMITS_COUNTED)) if before else None
        hands.record(partial(facts.keep_plan, deployment, revision, text, [target.name for target in found], count))

    return act


def _ask_for_checks(deployment: Deployment, host: Forge | None, revision: str, hands: Hands) -> None:
    """Refuse a revision that its repository's host says is broken; what is not known yet is waited for later.

    Raises:
        Refused: `checks_failed`, `forge_missing`.
    """
    try:
        found = looking.ask(deployment.app, host, revision)
    except ReachError as error:
        hands.say(f"checks are not known yet: {error}")
        return
    hands.record(partial(looking.keep, deployment.app, revision, found))
    said = verdict(deployment.environment.required_checks, found)
    for check in found:
        hands.say(f"{check.name} is {check.state}")
    if said.red:
        raise Refused("checks_failed", **checks.told(said, revision))


def _newest_commits(mirror: Mirror, refs: list[Ref], known: Mapping[str, str]) -> dict[str, list[Commit]]:
    moved = [ref for ref in refs if ref.kind == KnownRef.Kind.BRANCH and known.get(ref.name) != ref.revision]
    moved.sort(key=lambda ref: ref.at, reverse=True)
    return {ref.name: mirror.commits(ref.name, COMMITS_SHOWN) for ref in moved[:BRANCHES_SHOWN]}


def _pipeline_text(mirror: Mirror, revision: str) -> str:
    content = mirror.read_file(revision, FILE, limit_bytes=pipeline.LIMIT_CHARS * 4)
    if content is None:
        raise PipelineError("pipeline_missing", file=FILE, revision=revision)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise PipelineError("pipeline_unreadable", line=line, problem="not UTF-8") from None


def build_tree(course: Course) -> Act:
    """Lay out the revision and run the build commands in it."""
    return partial(_build, course)


def _build(course: Course, hands: Hands) -> None:
    """Leaves `work/tree`, and `work/built` when all of it went well."""
    if course.deployment.environment.is_protected and not settings.SHIPROOM_UNSAFE_BUILDS:
        _require_apart(course.deployment.environment.name)
    work, tree = course.work, course.work / "tree"
    course.clear_older_work()
    shutil.rmtree(work, ignore_errors=True)
    tree.mkdir(parents=True)
    shape = course.pipeline
    step_s = shape.timeouts.step_s
    _run_here(course, hands, shape.hooks.before_fetch, step_s)
    shutil.rmtree(tree)
    tree.mkdir()
    export(course, hands, tree)
    _run_here(course, hands, shape.hooks.after_fetch, step_s)
    _run_here(course, hands, shape.build.commands, shape.build.timeout_s)
    (work / "built").touch()


def _require_apart(environment: str) -> None:
    """Refuse builds that can read what this server keeps for itself.

    Raises:
        BuildError: `build_not_apart`, `build_reads` (with the `path` that is open to them).
    """
    if isolation.isolation() == "none":
        raise BuildError("build_not_apart", environment=environment)
    if path := isolation.left_open():
        raise BuildError("build_reads", environment=environment, path=str(path))


def export(course: Course, hands: Hands, folder: Path) -> None:
    """Lay the revision out in the empty `folder`, as it was committed."""
    mirror = mirror_of(course.deployment.app)
    if not mirror.holds(course.deployment.revision):  # another worker planned this
        hands.say(f"fetch {without_login(course.deployment.app.repository)}")
        mirror.fetch(settings.GIT_TIMEOUT_S, stop=hands.stop)
    mirror.archive(course.deployment.revision, folder, timeout_s=settings.GIT_TIMEOUT_S, stop=hands.stop)


def _run_here(course: Course, hands: Hands, commands: Sequence[str], timeout_s: float) -> None:
    if commands:
        build.run(
            commands,
            course.work / "tree",
            variables={**course.secrets.builds, **course.variables},
            on_line=hands.on_line,
            timeout_s=timeout_s,
            limit_bytes=settings.LOG_LIMIT_BYTES,
            stop=hands.stop,
            mask=course.mask,
        )


def package(course: Course) -> Act:
    """Pack the built tree. Built again when this machine does not have it, as after a takeover."""

    def act(hands: Hands) -> None:
        if not (course.work / "built").exists():
            _build(course, hands)
        wanted = course.pipeline.package
        built = artifacts.store(
            course.work / "tree", Path(settings.SHIPROOM_ARTIFACTS), include=wanted.include, exclude=wanted.exclude
        )
        hands.say(f"{built.manifest.files:,} files, {built.size_bytes:,} bytes, content {built.manifest.id[:12]}")
        deployment = course.deployment
        hands.record(partial(facts.keep_artifact, deployment.app, deployment.revision, course.recipe, built))

    return act


def clear_leftovers() -> None:
    """Remove what was left on this machine when a process of ours was killed: homes of builds, folders of deployments
    that have ended, artifacts that were never whole; and mirrors of what is no app's repository any more."""
    isolation.clear_homes()
    artifacts.clear_parts(settings.SHIPROOM_ARTIFACTS)
    _clear_mirrors()
    folders = {path: path.name.partition(".")[0] for path in Path(settings.SHIPROOM_DATA, "work").glob("*.*")}
    wanted = {int(number) for number in folders.values() if number.isdecimal()}
    unended = Deployment.objects.filter(pk__in=wanted, finished__isnull=True).values_list("pk", flat=True)
    kept = {str(number) for number in unended}
    for path, number in folders.items():
        if number not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _clear_mirrors() -> None:
    there = list(Path(settings.SHIPROOM_DATA, "mirrors").glob("*.git"))
    wanted = {mirror_of(app).path for app in App.objects.all()}  # asked last: an app comes before its mirror
    for path in there:
        if path not in wanted:
            shutil.rmtree(path, ignore_errors=True)


def forget_unused(app: App) -> None:
    """Remove the artifacts of `app` that no release on any server is made of, except its newest few, and those that a
    deployment elsewhere is about to send."""
    used = Release.objects.filter(environment__app=app, copies__isnull=False).values("manifest")
    wanted = app.deployments.filter(finished__isnull=True).values("revision")
    rows = Artifact.objects.filter(app=app).order_by("-pk")
    newest = list(rows.values_list("pk", flat=True)[:ARTIFACTS_KEPT])
    for row in rows.exclude(manifest__in=used).exclude(revision__in=wanted).exclude(pk__in=newest):
        row.delete()
        if not Artifact.objects.filter(manifest=row.manifest_id).exists():
            for path in Path(settings.SHIPROOM_ARTIFACTS).glob(f"{row.manifest_id}.tar*"):
                path.unlink(missing_ok=True)
