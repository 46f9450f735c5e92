"""Which releases on a server the next one may be made of, as rows tell it."""

import os
from collections.abc import Iterable, Mapping
from functools import cache

from deploy_core.errors import PipelineError
from deploy_core.models import Environment, Release, ReleaseCopy
from deploy_core.reach.deltas import Base
from deploy_core.rules import manifest, pipeline
from deploy_core.rules.delta import Delta

from .course import Course


def of_servers(course: Course, release: Release) -> Mapping[int, tuple[Base, ...]]:
    """The bases for `release` on each server (by id), the preferred one first.

    The oldest release on a server is a spare if pruning would drop it anyway and nobody may want to go back to it. Its
    row goes now, before anything happens to it: rows never promise a release that is being used up. `put_back` writes
    it again when it was left alone.
    """
    environment = course.deployment.environment
    kept = _kept(course, environment)
    rows: dict[int, list[ReleaseCopy]] = {target.server_id: [] for target in course.site.targets}
    for copy in ReleaseCopy.objects.filter(environment=environment, server_id__in=rows).order_by("-staged", "-pk"):
        rows[copy.server_id].append(copy)
    wanted = manifest.unpack(bytes(release.manifest.packed))

    @cache
    def delta(release_id: int) -> Delta | None:
        old = Release.objects.select_related("manifest").get(pk=release_id)
        try:
            # Read as a new file: of one that shares a path inside another, nobody knows what lies where.
            shared = pipeline.for_environment(pipeline.parse(old.pipeline), environment.name).shared
            content = manifest.unpack(bytes(old.manifest.packed))
        except (PipelineError, manifest.ManifestError):
            return None
        found = Delta(content, wanted, tuple(os.fsencode(path) for path in (*shared.files, *shared.folders)))
        return found if found.is_worth_it else None

    names = dict(environment.releases.values_list("pk", "name"))

    def base(copy: ReleaseCopy, *, is_spare: bool) -> Base | None:
        difference = delta(copy.release_id)
        return Base(names[copy.release_id], difference, is_spare) if difference else None

    found: dict[int, tuple[Base, ...]] = {}
    for server_id, copies in rows.items():
        if not copies or any(copy.release_id == release.pk for copy in copies):
            found[server_id] = ()
            continue
        oldest, spare = copies[-1], None
        is_over = len(copies) >= max(2, course.pipeline.keep)
        # A spare may itself share files with a release that stays.
        if is_over and oldest.release_id not in kept and not course.is_written_to:
            spare = base(oldest, is_spare=True)
        if spare:
            oldest.delete()
        usual = base(next((copy for copy in copies if copy.is_current), copies[0]), is_spare=False)
        found[server_id] = tuple(it for it in (spare, usual) if it)
    return found


def put_back(environment: Environment, server_id: int, base: Base) -> None:
    """A spare was left alone: it is where it was. It stays the oldest."""
    release = Release.objects.filter(environment=environment, name=base.name).first()
    if release:
        ReleaseCopy.objects.get_or_create(
            server_id=server_id, release=release, defaults={"environment": environment, "staged": release.created}
        )


def _kept(course: Course, environment: Environment) -> set[int]:
    """Releases that somebody may want: what servers run or ran when this began, and what a rollback would go to."""
    deployment = course.deployment
    wanted: Iterable[int | None] = (
        *(release.pk for release in course.before.values()),
        *ReleaseCopy.objects.filter(environment=environment, is_current=True).values_list("release", flat=True),
        *environment.deployments.exclude(pk=deployment.pk)
        .filter(finished__isnull=True)
        .values_list("release", flat=True),
        deployment.previous_id,
        getattr(Release.objects.to_go_back_to(environment), "pk", None),
    )
    return {pk for pk in wanted if pk is not None}
