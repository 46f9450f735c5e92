"""What a deployment would change, from rows alone: commits and files as the last fetch and the last builds left them.

Nothing here asks git or a server, so everything is as old as the last fetch; where the rows do not reach, the answer
is None and never a guess.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import NamedTuple

from django.db.models import Q

from deploy_core.errors import PipelineError, Refused, UnknownName
from deploy_core.models import App, Artifact, Deployment, Environment, KnownCommit, KnownRef, Manifest, Person, Release
from deploy_core.rules import manifest
from deploy_core.rules.batches import Cut, cut
from deploy_core.rules.status import Status
from deploy_core.run.course import shape_of
from deploy_core.safety import access, freezes, locks, queue
from deploy_core.safety.freezes import told as told_freeze
from deploy_core.safety.locks import told as told_lock

#: So many of the last successful deployments say how long the next one takes.
TIMED = 5
_NEAR = 5


class Files(NamedTuple):
    """Paths that differ between two trees."""

    added: list[str]
    changed: list[str]
    removed: list[str]


@dataclass(frozen=True)
class Difference:
    """From one revision to another. None: the rows do not reach that far."""

    source: str
    target: str
    commits: list[KnownCommit] | None
    dropped: list[KnownCommit] | None
    files: Files | None


class Expected(NamedTuple):
    """How long a deployment takes, from so many that went well."""

    seconds: int
    samples: int


def revision_of(app: App, ref: str) -> str:
    """The revision of a branch, a tag or a commit id, as of the last fetch.

    Raises:
        UnknownName: `ref_not_known`.
    """
    known = KnownRef.objects.filter(app=app)
    exact = known.filter(name=ref).order_by("kind").values_list("revision", flat=True).first()
    if exact:
        return exact
    if len(ref) >= 7:
        commits = KnownCommit.objects.filter(app=app, revision__startswith=ref.lower())
        releases = Release.objects.filter(environment__app=app, revision__startswith=ref.lower())
        found = (
            commits.values_list("revision", flat=True).first() or releases.values_list("revision", flat=True).first()
        )
        if found:
            return found
    near = known.filter(name__icontains=ref[:4]).values_list("name", flat=True)[:_NEAR]
    raise UnknownName("ref_not_known", app=app.name, ref=ref, near=list(near))


def between(app: App, source: str, target: str) -> Difference:
    """What differs from revision `source` to revision `target` of an app."""
    if source == target:
        return Difference(source, target, [], [], Files([], [], []))
    old, new = _history(app, source), _history(app, target)
    commits = dropped = None
    if new is not None and source in {commit.revision for commit in new}:
        commits, dropped = _before(new, source, old or ()), []
    elif old is not None and target in {commit.revision for commit in old}:
        commits, dropped = [], _before(old, target, new or ())
    elif old and new and (common := _first_common(new, old)):
        commits, dropped = _before(new, common, old), _before(old, common, new)
    return Difference(source, target, commits, dropped, _files(app, source, target))


def _history(app: App, revision: str) -> list[KnownCommit] | None:
    """The known commits from `revision` back, the newest first."""
    here = KnownCommit.objects.filter(app=app, revision=revision).order_by("position").first()
    if here is None:
        return None
    branch = KnownCommit.objects.filter(app=app, branch=here.branch, position__gte=here.position)
    return list(branch.order_by("position"))


def _before(commits: Sequence[KnownCommit], end: str, known: Sequence[KnownCommit]) -> list[KnownCommit]:
    """`commits` down to `end`, which is not among them, less those in `known`: a merge lists both its sides."""
    revisions = [commit.revision for commit in commits]
    there = {commit.revision for commit in known}
    return [commit for commit in commits[: revisions.index(end)] if commit.revision not in there]


def _first_common(commits: Sequence[KnownCommit], others: Sequence[KnownCommit]) -> str:
    there = {commit.revision for commit in others}
    return next((commit.revision for commit in commits if commit.revision in there), "")


def _files(app: App, source: str, target: str) -> Files | None:
    """The files of two revisions that were both built here."""
    packed = []
    for revision in (source, target):
        of_release = Release.objects.filter(environment__app=app, revision=revision).order_by("-pk")
        of_artifact = Artifact.objects.filter(app=app, revision=revision).order_by("-pk")
        found = of_release.values_list("manifest", flat=True).first() or (
            of_artifact.values_list("manifest", flat=True).first()
        )
        if found is None:
            return None
        packed.append(bytes(Manifest.objects.get(pk=found).packed))
    try:
        old, new = (
            {path: entry for path, entry in manifest.unpack(each).entries.items() if entry.kind != b"d"}
            for each in packed
        )
    except manifest.ManifestError:
        return None
    return Files(
        added=_names(new.keys() - old.keys()),
        changed=_names(path for path in new.keys() & old.keys() if new[path] != old[path]),
        removed=_names(old.keys() - new.keys()),
    )


def _names(paths: Iterable[bytes]) -> list[str]:
    return sorted(path.decode("utf-8", "backslashreplace") for path in paths)


def live(environment: Environment) -> Release:
    """What an environment runs.

    Raises:
        Refused: `nothing_live`.
    """
    release = Release.objects.current_in(environment)
    if release is None:
        raise Refused("nothing_live", app=environment.app.name, environment=environment.name)
    return release


def batches(environment: Environment, current: Release | None) -> Cut:
    """The batches in which servers switch, as the pipeline file of the app or of what is live has it; () unknown."""
    text = environment.app.pipeline or (current.pipeline if current else "")
    try:
        shape = shape_of(text, environment, was_live=True) if text else None
    except PipelineError:
        shape = None
    if shape is None or shape.batches.order == "shuffled":
        return ()
    return cut(list(environment.placements.values_list("server__name", flat=True)), shape.batches)


def obstacles(environment: Environment, by: Person, at: datetime | None = None) -> list[tuple[str, dict[str, object]]]:
    """What stands in the way of a deployment by a person, as codes with parameters."""
    app, name = environment.app, environment.name
    found: list[tuple[str, dict[str, object]]] = []
    if not access.can(by, "deploy", app.name, name):
        params = {"who": by.username, "app": app.name, "environment": name}
        found.append(("no_permission", params | {"allowed": access.who_can("deploy", app.name, name)[:5]}))
    if shut := freezes.closed(app.name, name, at):
        found.append(("frozen", told_freeze(shut, app.name, name)))
    if lock := locks.of_another(app, name, by):
        found.append(("locked", told_lock(lock)))
    if active := queue.active(environment.pk):
        who = {"number": active.pk, "by": active.requested_by.username}
        found.append(("busy", {**who, "app": app.name, "environment": name}))
    if environment.approvals_needed:
        people = [each for each in access.who_can("approve", app.name, name) if each != by.username]
        found.append(("word.needs_approval", {"needed": environment.approvals_needed, "people": people}))
    elif environment.is_protected:
        found.append(("word.needs_confirmation", {}))
    return found


def expected(environment: Environment) -> Expected | None:
    """How long a deployment there takes; None before the first one."""
    done = Deployment.objects.filter(environment=environment, kind=Deployment.Kind.DEPLOY, status=Status.SUCCEEDED)
    times = done.filter(started__isnull=False, finished__isnull=False).order_by("-pk")[:TIMED]
    took = [(row.finished - row.started).total_seconds() for row in times if row.finished and row.started]
    return Expected(round(median(took)), len(took)) if took else None


def changes(environments: Sequence[Environment], since: datetime) -> list[Deployment]:
    """The deployments that touched servers of `environments` and have ended since, the newest first."""
    ended = Q(finished__gte=since, started__isnull=False)
    found = Deployment.objects.filter(ended, environment__in=environments)
    return list(found.select_related("app", "environment", "requested_by").order_by("-finished"))
