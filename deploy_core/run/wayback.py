"""How a deployment that did not succeed ends: servers that were switched go back, and the rows say who runs what."""

from collections.abc import Collection
from functools import partial
from typing import Any

from deploy_core.errors import ReachError
from deploy_core.ledger import journal
from deploy_core.models import Deployment, Step
from deploy_core.rules import pipeline
from deploy_core.rules.plan import way_back
from deploy_core.rules.status import Status, StepStatus

from . import facts, steps
from .course import Course
from .job import Code, Job
from .servers import Target

#: A lost step has no end yet: it runs again.
_BROKEN = (StepStatus.FAILED, StepStatus.TIMED_OUT)


def end(work: Job, course: Course | None, code: str) -> Code:
    """Bring the deployment to its end after a phase ended with `code` (`failed` or `cancelled`)."""
    work.ending = work.ending or _why(work, course, code)  # a fault of the way back itself is no reason
    reason, params = work.ending
    work.turn_back()
    tried = switched(work.id)
    is_back, unasked = not tried, frozenset[str]()
    if course and tried:
        wanted = _to_take_back(work, course, tried) if code != "cancelled" and "step" in params else tried
        if wanted & course.able:
            _announce(work, reason, params)
        is_back = take_back(work, course, wanted) and wanted == tried
        unasked = _see(work, course, tried - (wanted & course.able))
    if not is_back:
        params = {**params, "runs": standings(work.deployment, unasked)}
    work.persist(lambda: _close(work, reason, params, is_back=is_back))
    return "failed" if code == "failed" else "cancelled"


def broken_servers(deployment_id: int, kind: str = "") -> frozenset[str]:
    """The servers on which a step (of this kind) failed; ways back do not count."""
    broken = Step.objects.filter(deployment_id=deployment_id, status__in=_BROKEN).exclude(server_name="")
    broken = broken.filter(kind=kind) if kind else broken.exclude(kind="back")
    return frozenset(broken.values_list("server_name", flat=True))


def take_back(work: Job, course: Course, servers: Collection[str]) -> bool:
    """Whether every one of `servers` that was switched runs its old release again."""
    wanted = switched(work.id) & frozenset(servers)
    able = [target for target in course.site.targets if target.name in wanted & course.able]
    if able:
        steps_back = way_back([target.name for target in able])
        work.persist(lambda: journal.add_steps(work.id, steps_back, epoch=work.epoch))
        acts = {}
        for target in able:
            release = course.before[target.name]
            shape = pipeline.of_release(release.pipeline, course.deployment.environment.name)
            acts[f"back:{target.name}"] = steps.go_back(course, target, release, shape)
        if work.perform(acts) != "ok":
            return False
    return len(able) == len(wanted)


def _to_take_back(work: Job, course: Course, tried: frozenset[str]) -> frozenset[str]:
    """What deploy.yml wants of a batch in which a step failed. Whatever else ends a deployment takes back all of it."""
    broken = broken_servers(work.id)
    policy = course.pipeline.batches.on_failure
    if not broken or policy == "back":
        return tried
    if policy == "stop":
        return frozenset()
    of_batch = frozenset(name for batch in course.batches if broken & set(batch) for name in batch)
    # Those that were left behind went back when they failed; their batch is not at fault.
    if policy == "skip":
        last = [batch for batch in course.batches if tried & set(batch)][-1]
        of_batch = broken | set(last)
    return tried & of_batch


def _see(work: Job, course: Course, servers: Collection[str]) -> frozenset[str]:
    """Ask the servers that stay as they are what they really run, and keep it; those that could not be asked.

    What was a server's first release may stay there: it has no other to go back to.
    """
    targets = [target for target in course.site.targets if target.name in servers]
    seen = work.ask_all({target.name: partial(_current, course, target) for target in targets})
    made = Deployment.objects.select_related("release__environment").get(pk=work.id).release
    for target in targets:
        if made and seen[target.name] == made.name:
            work.persist(partial(facts.switched, made, target.server_id))
    return frozenset(servers) - {name for name, found in seen.items() if found is not None}


def _current(course: Course, target: Target) -> str | None:
    try:
        return steps.current_on(course, target)
    except ReachError:
        return None


def _announce(work: Job, reason: str, params: dict[str, Any]) -> None:
    """Say that servers go back, and why; a deployment that somebody cancelled goes on being cancelled."""
    sources = {Status.RUNNING, Status.PAUSED, Status.VERIFYING}
    work.persist(
        lambda: journal.move(work.id, Status.ROLLING_BACK, reason, only_from=sources, epoch=work.epoch, params=params)
    )


def _close(work: Job, reason: str, params: dict[str, Any], *, is_back: bool) -> None:
    """The last move, by where the deployment stands; then the steps that nobody came to."""
    status = Deployment.objects.values_list("status", flat=True).get(pk=work.id)
    if not is_back:
        target = Status.FAILED
        if status == Status.CANCELLING:
            reason = "cancelled_half_way"
    elif status == Status.ROLLING_BACK:
        target = Status.ROLLED_BACK
    elif status == Status.CANCELLING:
        target = Status.CANCELLED
        reason, params = _cancelled(work.deployment.pk)
    else:
        target = Status.FAILED
    if journal.move(work.id, target, reason, epoch=work.epoch, params=params):
        journal.close_steps(work.id, epoch=work.epoch)


def _why(work: Job, course: Course | None, code: str) -> tuple[str, dict[str, Any]]:
    """The reason: a person's cancel, what it goes back for already, the first step that broke (which alone names
    a `step`), a fault that no step had, or the time that ran out between steps."""
    if code == "cancelled":
        return _cancelled(work.id)
    row = Deployment.objects.values("status", "reason", "reason_params").get(pk=work.id)
    if row["status"] == Status.ROLLING_BACK:
        return row["reason"], row["reason_params"]
    # A lost step is no reason: whoever went on either did it again, or came here for another one.
    failed = Step.objects.filter(deployment_id=work.id, status__in=(StepStatus.FAILED, StepStatus.TIMED_OUT))
    if course and course.pipeline.batches.on_failure == "skip" and (work.fault or work.why == "timed_out"):
        failed = failed.filter(reason="total_timeout")  # servers that were left behind before are not why
    step = failed.order_by("finished", "position").first()
    if step:
        return step.reason, {
            "step": step.key,
            **({"server": step.server_name} if step.server_name else {}),
            **step.reason_params,
        }
    if work.fault:
        return work.fault
    return ("total_timeout", {"seconds": work.deadline_s}) if work.why == "timed_out" else ("internal", {})


def _cancelled(deployment_id: int) -> tuple[str, dict[str, Any]]:
    by = Deployment.objects.values_list("cancelled_by__username", flat=True).get(pk=deployment_id)
    return "cancelled_by", {"by": by or ""}


def switched(deployment_id: int) -> frozenset[str]:
    """The servers where a switch was tried: whether it went through is not for us to guess."""
    tried = Step.objects.filter(deployment_id=deployment_id, kind="switch", attempt__gt=0)
    return frozenset(tried.values_list("server_name", flat=True))


def standings(deployment: Deployment, unasked: Collection[str] = ()) -> dict[str, list[str]]:
    """Which servers run what, as far as we know: release name → server names.

    The name is "" for servers that could not be asked, and "-" for those that run nothing yet.
    """
    broken = Step.objects.filter(deployment=deployment, kind="back", status__in=(*_BROKEN, StepStatus.LOST))
    unsure = {*unasked, *broken.values_list("server_name", flat=True)}
    releases = facts.current_releases(deployment.environment)
    found: dict[str, list[str]] = {}
    planned = Step.objects.filter(deployment=deployment).exclude(server_name="").values_list("server_name", flat=True)
    for server in dict.fromkeys(planned):
        name = releases[server].name if server in releases else "-"
        found.setdefault("" if server in unsure else name, []).append(server)
    return found
