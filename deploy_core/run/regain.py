"""An artifact that is gone, as with the disk of a dead worker: taken from a server that has it, or built again."""

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.conf import settings

from deploy_core.errors import BuildError, GitError, PipelineError, ReachError
from deploy_core.models import Artifact, Deployment, ReleaseCopy
from deploy_core.reach import taking
from deploy_core.reach.artifacts import Artifact as Built
from deploy_core.rules import manifest, pipeline
from deploy_core.rules.manifest import Manifest

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
    content = manifest.unpack(bytes(release.manifest.packed))
    try:
        shared = pipeline.of_release(release.pipeline, copy.environment.name).shared
    except PipelineError:  # of a version that read it otherwise
        shared = pipeline.Shared()

    def act(hands: Hands) -> None:
        hands.say(f"take {release.name} back from {target.name}")
        shutil.rmtree(course.work, ignore_errors=True)
        course.work.mkdir(parents=True)
        take = partial(
            taking.take,
            path=path,
            name=release.name,
            manifest=content,
            fence=course.site.fence,
            work=course.work,
            into=Path(settings.SHIPROOM_ARTIFACTS),
            shared=(*shared.files, *shared.folders),
            complete=partial(_complete, course, hands, content, (*shared.files, *shared.folders)),
        )
        try:
            course.site.use(target, take)
        except (BuildError, GitError, ReachError) as error:
            hands.say(f"{target.name} could not give it back ({error.code})")

    return act


def _complete(course: Course, hands: Hands, content: Manifest, shared: Sequence[str], tree: Path) -> None:
    """Add to `tree` what the artifact had at `shared` paths, as the repository has it; on the server it has changed."""
    tops = [os.fsencode(Path(each)) for each in shared]
    wanted = [path for path in content.entries if any(path == top or path.startswith(top + b"/") for top in tops)]
    if not wanted:
        return
    source = course.work / "source"
    source.mkdir()
    preparing.export(course, hands, source)
    for path in map(os.fsdecode, wanted):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        if (source / path).is_dir() and not (source / path).is_symlink():
            (tree / path).mkdir(exist_ok=True)
        elif os.path.lexists(source / path):
            shutil.copy2(source / path, tree / path, follow_symlinks=False)
