"""Servers take turns: batch after batch switches, restarts and is checked; and what may stand between two of them.

Where a deployment stands is read from rows each time, so a run that was paused or interrupted is walked once more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from deploy_core.errors import ReachError
from deploy_core.ledger import journal
from deploy_core.models import Deployment, JournalEntry, Release, Step
from deploy_core.rules import batches as turns
from deploy_core.rules.events import DeploymentBatched
from deploy_core.rules.pipeline import EnvironmentPipeline
from deploy_core.rules.status import Status, StepStatus

from . import steps, wayback
from .course import Course
from .job import Code, Job
from .servers import Target

Phase = Callable[[], Code]


@dataclass(frozen=True, slots=True)
class Batch:
    """Servers that switch together; the first batch has number 0."""

    number: int
    targets: tuple[Target, ...]


def cut(work: Job, shape: EnvironmentPipeline, servers: list[str]) -> turns.Cut:
    """The batches of a deployment: made once, kept in its plan, and told in its journal if there are several."""
    deployment = work.deployment
    if kept := deployment.plan.get("batches"):
        return tuple(tuple(batch) for batch in kept)
    found = turns.cut(servers, shape.batches, seed=str(work.id))
    deployment.plan = {**deployment.plan, "batches": found}

    def keep() -> None:
        journal.hold(work.id, work.epoch)
        Deployment.objects.filter(pk=work.id).update(plan=deployment.plan)
        if len(found) > 1:
            journal.record(work.id, DeploymentBatched(found))

    work.persist(keep)
    return found


def phases(work: Job, course: Course, release: Callable[[], Release]) -> list[tuple[str, Phase]]:
    """From the first switch to the end of the verify window; `release` is what becomes current."""
    known = {target.name: target for target in course.site.targets}
    found: list[tuple[str, Phase]] = []
    for number, names in enumerate(course.batches):
        batch = Batch(number, tuple(known[name] for name in names))
        found += [
            (f"switch-{number}", partial(_switch, work, course, batch, release)),
            (f"restart-{number}", partial(_restart, work, course, batch, release)),
            (f"health-{number}", partial(_check_health, work, course, batch)),
        ]
    if course.pipeline.verify_s and course.pipeline.health:
        found.append(("verify", partial(_verify, work, course)))
    return found


def tolerated(work: Job, course: Course, code: Code) -> Code:
    """`ok` instead of `failed` where deploy.yml lets the deployment go on without the servers that failed.

    Those that were switched already go back to their old release first.
    """
    if code != "failed" or work.why:
        return code
    left = wayback.broken_servers(work.id)
    if not left or not turns.may_skip(course.pipeline.batches, len(left), len(course.site.targets)):
        return code
    with work.undisturbed():
        wayback.take_back(work, course, left)
    return "ok"


def whole(work: Job, course: Course) -> list[Target]:
    """The servers on which nothing failed."""
    left = wayback.broken_servers(work.id)
    return [target for target in course.site.targets if target.name not in left]


def _of_batch(work: Job, batch: Batch, kind: str) -> list[Target]:
    """Those whose step of this kind has its turn, or had it: one that failed before is out."""
    before = wayback.broken_servers(work.id) - wayback.broken_servers(work.id, kind)
    return [target for target in batch.targets if target.name not in before]


def _switch(work: Job, course: Course, batch: Batch, release: Callable[[], Release]) -> Code:
    if (stopped := _stand_before(work, course, batch)) is not None:
        return stopped
    made = release()
    acts = {f"switch:{target.name}": steps.switch(course, target, made) for target in _of_batch(work, batch, "switch")}
    return tolerated(work, course, work.perform(acts))


def _restart(work: Job, course: Course, batch: Batch, release: Callable[[], Release]) -> Code:
    servers = _of_batch(work, batch, "restart")
    if course.pipeline.restart is None:
        work.skip({f"restart:{target.name}": "nothing_to_do" for target in servers})
        return "ok"
    made = release()
    acts = {f"restart:{target.name}": steps.restart(course, target, made) for target in servers}
    return tolerated(work, course, work.perform(acts))


def _check_health(work: Job, course: Course, batch: Batch) -> Code:
    servers = _of_batch(work, batch, "health")
    if course.pipeline.health is None:
        work.skip({f"health:{target.name}": "nothing_to_do" for target in servers})
        return "ok"
    acts = {f"health:{target.name}": steps.check_health(course, target) for target in servers}
    return tolerated(work, course, work.perform(acts))


# --- between batches --------------------------------------------------------------------------------------------------


def _stand_before(work: Job, course: Course, batch: Batch) -> Code | None:
    """What keeps a batch from beginning now: a pause of seconds, a person who has to resume, or one who paused."""
    keys = [f"switch:{target.name}" for target in batch.targets]
    if Step.objects.filter(deployment_id=work.id, key__in=keys).exclude(status=StepStatus.PENDING).exists():
        return None
    wanted = course.pipeline.batches
    if turns.waits_before(wanted, batch.number):
        _wait_for_person(work, course, batch)
    elif batch.number and (stopped := work.pause(wanted.pause_s)):
        return stopped
    return held(work)


def held(work: Job) -> Code | None:
    """`paused` while somebody wants the deployment to stand still: its run ends, and resuming it begins another."""
    is_paused = Deployment.objects.filter(pk=work.id, status=Status.PAUSED).exists()
    return "paused" if is_paused else None


def _wait_for_person(work: Job, course: Course, batch: Batch) -> None:
    """Pause before the batch, once."""
    params = {
        "batch": batch.number,
        "batches": len(course.batches),
        "next": [target.name for target in batch.targets],
        "number": work.id,
    }
    asked = JournalEntry.objects.filter(
        deployment_id=work.id,
        kind="deployment.moved",
        payload__reason="waits_for_resume",
        payload__params__batch=batch.number,
    )
    if not asked.exists():
        work.persist(
            lambda: journal.move(
                work.id,
                Status.PAUSED,
                "waits_for_resume",
                only_from={Status.RUNNING},
                epoch=work.epoch,
                params=params,
            )
        )


# --- after the last batch ---------------------------------------------------------------------------------------------


def _verify(work: Job, course: Course) -> Code:
    """Watch the health of all servers for a while; a window that was interrupted begins anew.

    Only a clear answer counts: a server that cannot be asked is asked again, and must answer in the end.

    Raises:
        ReachError: `health_failed`; or why a server could not be asked in the end.
    """
    if (stopped := held(work)) is not None:
        return stopped
    work.persist(
        lambda: journal.move(
            work.id,
            Status.VERIFYING,
            only_from={Status.RUNNING},
            epoch=work.epoch,
            params={"seconds": course.pipeline.verify_s},
        )
    )
    end = time.monotonic() + course.pipeline.verify_s
    servers = unclear = whole(work, course)
    while (left := end - time.monotonic()) > 0:
        said = work.ask_all({target.name: partial(_ask, course, target) for target in servers})
        for error in filter(None, said.values()):
            if error.code == "health_failed":
                raise error
        unclear = [target for target in servers if said[target.name]]
        interval_s = course.pipeline.health.interval_s if course.pipeline.health else left
        if stopped := work.pause(min(left, interval_s)):
            return stopped
    said = work.ask_all({target.name: partial(_ask, course, target) for target in unclear})
    for error in filter(None, said.values()):
        raise error
    return "ok"


def _ask(course: Course, target: Target) -> ReachError | None:
    try:
        steps.ask_health(course, target)
    except ReachError as error:
        return error
    return None
