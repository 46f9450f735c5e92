"""An artifact that is gone, as with the disk of a dead worker: taken from a server that has it, or built again."""

import shutil
from functools import partial
from pathlib import Path

from django.conf import settings

from deploy_core.errors import BuildError, ReachError
from deploy_core.models import Artifact, Deployment, ReleaseCopy
from deploy_core.reach import taking
from deploy_core.reach.artifacts import Artifact as Built

from . import preparing
from .acts import Act, Hands
from .course import Course
from .job import Job


def artifact(work: Job, course: Course) -> tuple[Artifact, Built]:
    """What the revision was built into, on this machine again.

    Raises:
        BuildError: `artifact_lost`: no server has it, and it was not built for this deployment.
    """
    log = "package" if "package" in work.steps() else "start"
    for copy in _copies(course):
        work.again(log, _from_server(course, copy))
        if found := course.artifact():
            return found
    if course.deployment.kind == Deployment.Kind.DEPLOY:
        work.again(log, preparing.package(course))
        if found := course.artifact():
            return found
    raise BuildError("artifact_lost", revision=course.deployment.revision)


def _copies(course: Course) -> list[ReleaseCopy]:
    """The releases on the servers of this deployment that are made of the artifact."""
    row = course.artifact_row()
    if row is None:
        return []
    servers = [target.server_id for target in course.site.targets]
    found = ReleaseCopy.objects.filter(release__manifest=row.manifest_id, server__in=servers)
    return list(found.select_related("release__manifest", "environment", "server").order_by("-pk")[:3])


def _from_server(course: Course, copy: ReleaseCopy) -> Act:
    target = next(it for it in course.site.targets if it.server_id == copy.server_id)
    release, path = copy.release, copy.environment.path
    manifest_id = release.manifest_id

    def act(hands: Hands) -> None:
        hands.say(f"take {release.name} back from {target.name}")
        shutil.rmtree(course.work, ignore_errors=True)
        course.work.mkdir(parents=True)
        take = partial(
            taking.take,
            path=path,
            name=release.name,
            manifest_id=manifest_id,
            fence=course.site.fence,
            work=course.work,
            into=Path(settings.SHIPROOM_ARTIFACTS),
        )
        try:
            course.site.use(target, take)
        except (BuildError, ReachError) as error:
            hands.say(f"{target.name} could not give it back ({error.code})")

    return act
