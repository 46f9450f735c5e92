"""What a deployment is made of after its plan: build, stage, batch after batch, and the end that was read back."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from deploy_core.errors import ReachError, UnknownName
from deploy_core.ledger import journal
from deploy_core.models import Artifact, Deployment, Release
from deploy_core.reach import artifacts
from deploy_core.reach.artifacts import Artifact as Built
from deploy_core.reach.deltas import Base
from deploy_core.rules.status import STEP_ENDED, Status, StepStatus

from . import bases, facts, preparing, regain, rolling, steps, wayback
from .acts import Hands
from .course import Course
from .job import Code, Job

logger = logging.getLogger(__name__)

Phase = Callable[[], Code]

_OF_RELEASE = ("release__environment", "release__manifest")


def of(work: Job, course: Course) -> list[tuple[str, Phase]]:
    """The phases from here to the last check, each with its name, in their order."""
    phases: list[tuple[str, Phase]] = []
    if work.deployment.kind == Deployment.Kind.TASK:
        return [
            ("start", partial(work.perform, {"start": preparing.start(work.deployment)})),
            ("task", partial(_run_task, work, course)),
        ]
    if work.deployment.kind == Deployment.Kind.DEPLOY:
        phases += [
            ("build", partial(_build, work, course)),
            ("stage", partial(_stage, work, course)),
        ]
    else:
        phases.append(("start", partial(work.perform, {"start": preparing.start(work.deployment)})))
        if work.deployment.kind != Deployment.Kind.ROLLBACK:
            phases.append(("stage", partial(_stage, work, course)))
    return phases + rolling.phases(work, course, partial(_release, course))


def succeed(work: Job, course: Course) -> Code:
    """Success is only what was read back: every server runs the release. A cancel that came first goes first.

    Where servers were left behind, the deployment has failed, and says which.
    """
    if (stopped := rolling.held(work)) is not None:
        return stopped
    if work.deployment.kind == Deployment.Kind.TASK:
        is_done = work.persist(lambda: journal.move(work.id, Status.SUCCEEDED, epoch=work.epoch))
        return "partly" if is_done else rolling.held(work) or "cancelled"
    name = _release(course).name
    servers = rolling.whole(work, course)
    seen = work.ask_all({target.name: partial(steps.current_on, course, target) for target in servers})
    wrong = {server: found for server, found in seen.items() if found != name}
    if wrong:
        raise ReachError("current_differs", release=name, servers=wrong)
    left = sorted(wayback.broken_servers(work.id))

    def write() -> bool:
        if not left:
            return journal.move(work.id, Status.SUCCEEDED, epoch=work.epoch)
        params = {"servers": left, "runs": wayback.standings(work.deployment)}
        moved = journal.move(work.id, Status.FAILED, "servers_skipped", epoch=work.epoch, params=params)
        if moved:
            journal.close_steps(work.id, epoch=work.epoch)
        return moved

    if not work.persist(write):
        return rolling.held(work) or "cancelled"
    return "partly" if left else "ok"


def prune(work: Job, course: Course) -> Code:
    """Old releases go; that this may fail harms nobody, and the next deployment tries again."""
    environment = course.deployment.environment
    queued = environment.deployments.filter(finished__isnull=True, release__isnull=False)
    awaited = list(queued.values_list("release__name", flat=True))
    if way_back := Release.objects.to_go_back_to(environment):  # older than many, where the same was sent again
        awaited.append(way_back.name)
    asked: Mapping[str, Callable[[], Any]] = {
        target.name: partial(steps.prune, course, target, awaited) for target in rolling.whole(work, course)
    }
    left = work.ask_all(asked)
    for target in rolling.whole(work, course):
        if (names := left[target.name]) is not None:
            work.persist(partial(facts.pruned, environment, target.server_id, names))
    preparing.forget_unused(course.deployment.app)
    return "ok"


def _build(work: Job, course: Course) -> Code:
    # While we build, the ways to the servers are opened; those beyond the first few wait for their step.
    for target in course.site.targets[: work.width - 1]:
        work.in_background(partial(course.site.open_ahead, target))
    if _kept(work, course):
        work.skip({"build": "already_built", "package": "already_built"})
        return "ok"
    hooks, commands = course.pipeline.hooks, course.pipeline.build.commands
    if not (commands or hooks.before_fetch or hooks.after_fetch):
        work.skip({"build": "nothing_to_do"})
    elif (code := work.perform({"build": preparing.build_tree(course)})) != "ok":
        return code
    # No boundary between the two: the tree lies on this machine only.
    return work.perform({"package": preparing.package(course)})


def _kept(work: Job, course: Course) -> tuple[Artifact, Built] | None:
    """What was built before, if it is on this machine and is what it was: disks forget, and programs are killed."""
    found = course.artifact()
    if found and any(work.ask_all({"damaged": partial(artifacts.drop_damaged, found[1])}).values()):
        logger.warning("#%d: %s was damaged and is removed", work.id, found[1].path)
        return None
    return found


def _artifact(work: Job, course: Course) -> tuple[Artifact, Built]:
    """What the servers are to get: packed by us just now, kept from before, or made again."""
    package = work.steps().get("package")
    is_ours = package is not None and package.epoch == work.epoch
    return (course.artifact() if is_ours else _kept(work, course)) or regain.artifact(work, course)


def _stage(work: Job, course: Course) -> Code:
    known = work.steps()
    keys = [f"stage:{target.name}" for target in course.site.targets]
    if all(known[key].status in STEP_ENDED for key in keys):
        return rolling.tolerated(work, course, work.perform(dict.fromkeys(keys, _nothing)))
    row, built = _artifact(work, course)

    def choose() -> tuple[Release, Mapping[int, tuple[Base, ...]]]:
        journal.hold(work.id, work.epoch)
        release = facts.keep_release(course.deployment, row, course.deployment.plan["pipeline"])
        return release, bases.of_servers(course, release)

    release, made_of = work.persist(choose)
    acts = {
        f"stage:{target.name}": steps.stage(course, target, release, built, made_of[target.server_id])
        for target in course.site.targets
    }
    there = set(release.copies.values_list("server_id", flat=True))
    for target in course.site.targets:
        key = f"stage:{target.name}"
        if known[key].status == StepStatus.SUCCEEDED and target.server_id not in there:
            work.again(key, acts[key])  # it has what was built before, and lost
    return rolling.tolerated(work, course, work.perform(acts))


def _run_task(work: Job, course: Course) -> Code:
    deployment, tasks = work.deployment, course.pipeline.tasks
    task = tasks.get(name := deployment.plan["task"])
    if task is None:  # another release is live than when it was asked for
        app, environment = deployment.app.name, deployment.environment.name
        raise UnknownName("unknown_task", given=name, near=sorted(tasks), app=app, environment=environment)
    return work.perform({f"task:{target.name}": steps.run_task(course, target, task) for target in course.site.targets})


def _nothing(hands: Hands) -> None:
    """For a step that has ended."""


def _release(course: Course) -> Release:
    """The release this deployment makes current."""
    release = Deployment.objects.select_related(*_OF_RELEASE).get(pk=course.deployment.pk).release
    assert release is not None  # noqa: S101  (_stage or the request of a rollback has named it)
    return release
