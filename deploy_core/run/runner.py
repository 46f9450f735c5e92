"""Walks a deployment from its request to its end. It knows no engine: the wrapper around each phase is an argument.

What a phase does is found again in rows, so a run that was interrupted is simply walked once more: steps that have
ended are passed over, and the one that was interrupted runs again.
"""

import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from deploy_core.errors import DeployError, Refused
from deploy_core.ledger import journal
from deploy_core.models import Deployment, Release, Step
from deploy_core.reach.masking import Masker
from deploy_core.reach.secrets import granted
from deploy_core.rules.pipeline import EnvironmentPipeline
from deploy_core.rules.remote import Fence
from deploy_core.rules.status import ACTIVE, ENDED, Status
from deploy_core.safety import access, fingerprint, gates, queue

from . import acts, facts, job, phases, preparing, rolling, wayback
from .course import Course, shape_of
from .job import Code, Job
from .phases import Phase
from .servers import Site, Target, targets

logger = logging.getLogger(__name__)

DoStep = Callable[[str, Phase], str]

_at_work: dict[Job, None] = {}
_guard = threading.Condition()


def plainly(name: str, phase: Phase) -> str:
    """The wrapper of a run without an engine."""
    return phase()


def plan(deployment_id: int, run: int | None = None, *, executor: str = "inline", do_step: DoStep = plainly) -> str:
    """Fetch, resolve and plan; then the deployment is queued, or has failed. Returns how it went in one word.

    `run` is the count that the engine's run was named after; one that is not the row's any more does nothing.
    """
    deployment = _load(deployment_id)
    if deployment.status != Status.PLANNING or run not in (None, deployment.run):
        return "over"
    with _working(deployment, executor) as work:
        code = do_step("plan", _safely(work, partial(_plan, work)))
        if code == "failed" and _is_open(work):  # a fault that no step had
            do_step("end", _safely(work, partial(wayback.end, work, None, code)))
    return code


def run(deployment_id: int, run: int | None = None, *, executor: str = "inline", do_step: DoStep = plainly) -> str:
    """Build, put on servers, switch, check; whatever happens, the deployment ends. Returns how it went in one word.

    `run` as in `plan`. With another active deployment in the environment it stays queued (`busy`).
    """
    deployment = _load(deployment_id)
    if run not in (None, deployment.run):
        return "over"
    if (refusal := _begin(deployment)) is not None:
        return refusal
    with _working(_load(deployment_id), executor) as work:
        return _walk(work, do_step)


def park(wait_s: float) -> None:
    """Wait until no deployment is worked on, at most `wait_s`; then interrupt those that still are."""
    with _guard:
        if _guard.wait_for(lambda: not _at_work, timeout=wait_s):
            return
        job.parking.set()
        _guard.wait_for(lambda: not _at_work, timeout=job.STOP_GRACE_S)
    job.parking.clear()


def _load(deployment_id: int) -> Deployment:
    related = ("app", "environment__app", "requested_by", "cancelled_by", "release__environment", "release__manifest")
    return Deployment.objects.select_related(*related).get(pk=deployment_id)


@contextmanager
def _working(deployment: Deployment, executor: str) -> Iterator[Job]:
    epoch = journal.take_over(deployment.pk, executor)
    deployment.epoch = epoch
    work = Job(deployment, epoch)
    with _guard:
        _at_work[work] = None
    try:
        yield work
    finally:
        work.close()
        with _guard:
            del _at_work[work]
            _guard.notify_all()


def _safely(work: Job, phase: Phase) -> Phase:
    """The phase with every fault turned into a code: the engine stores what it is given, and a run must end."""

    def act() -> Code:
        try:
            return phase()
        except Exception as error:
            return _noted(work, error)

    return act


def _noted(work: Job, error: Exception) -> Code:
    """The code of a fault, with its reason kept for the deployment's end; a bug gets a number that is in the log."""
    match error:
        case journal.Fenced():
            logger.warning("stopped: %s", error)
            return "fenced"
        case DeployError():
            work.fault = (error.code, dict(error.params))
        case _:
            number = uuid.uuid4().hex[:8]
            logger.error("#%d: fault %s", work.id, number, exc_info=error)
            work.fault = ("internal", {"fault": number})
    return "failed"


def _is_open(work: Job) -> bool:
    return not Deployment.objects.filter(pk=work.id, status__in=ENDED).exists()


# --- planning ---------------------------------------------------------------------------------------------------------


def _plan(work: Job) -> Code:
    code = work.perform({"start": preparing.start(work.deployment)})
    if code == "ok":
        code = work.perform({"fetch": preparing.fetch(work.deployment)})
    if code == "ok":
        work.persist(lambda: gates.pass_on(work.id, epoch=work.epoch))
    else:
        wayback.end(work, None, code)
    return code


# --- running ----------------------------------------------------------------------------------------------------------


def _begin(deployment: Deployment) -> str | None:
    """Make a queued deployment the active one of its environment; a word when it cannot run."""
    if deployment.status in ACTIVE:
        return None  # its worker went away, and we go on
    if deployment.status != Status.QUEUED:
        return "over"
    is_rollback = deployment.kind == Deployment.Kind.ROLLBACK
    app, environment = deployment.app.name, deployment.environment
    action = "rollback" if is_rollback else "deploy"
    if not access.can(deployment.requested_by, action, app, environment.name):
        params = {"who": deployment.requested_by.username, "action": action}
        return _refuse(deployment, "no_permission", params | {"app": app, "environment": environment.name})
    if gates.held([deployment]) or queue.too_early([deployment]):
        return "held"
    if spoilt := gates.spoilt(deployment):
        return _refuse(deployment, *spoilt)
    before = {name: release.name for name, release in facts.current_releases(environment).items()}
    try:
        with transaction.atomic():
            if not journal.move(deployment.pk, Status.RUNNING, only_from={Status.QUEUED}):
                return "over"
            facts.aim_again(deployment)
            found = {"before": before, "path": environment.path}
            Deployment.objects.filter(pk=deployment.pk).update(plan={**deployment.plan, **found})
    except IntegrityError:
        return "busy"
    return None


def _refuse(deployment: Deployment, reason: str, params: Mapping[str, Any]) -> str:
    with transaction.atomic():
        if journal.move(deployment.pk, Status.FAILED, reason, only_from={Status.QUEUED}, params=params):
            journal.close_steps(deployment.pk, epoch=journal.fence_off(deployment.pk))
    return "failed"


def _walk(work: Job, do_step: DoStep) -> str:
    """All phases, until one does not end well."""
    course: Course | None = None
    code = "ok"
    try:
        course = _course(work)
        _claim_again(work, course)
        todo = phases.of(work, course)
        if work.deployment.status == Status.ROLLING_BACK:  # its worker went away on the way back, and we go on there
            code, todo = "failed", []
    except Exception as error:  # the engine would start a run that ended so again, for ever
        code, todo = _noted(work, error), []
        course = course or _course_back(work)
    try:
        for name, phase in todo:
            code = do_step(name, _safely(work, phase))
            if code != "ok":
                break
        if code == "ok" and course:
            code = do_step("succeed", _safely(work, partial(phases.succeed, work, course)))
        if code == "ok" and course:
            do_step("prune", _safely(work, partial(phases.prune, work, course)))
        elif code in ("failed", "cancelled"):
            ended = do_step("end", _safely(work, partial(wayback.end, work, course, code)))
            if ended == "failed" and _is_open(work):  # the way back has a fault of its own: say what runs where
                do_step("give up", _safely(work, partial(wayback.end, work, None, code)))
        if course:
            shutil.rmtree(course.work, ignore_errors=True)
    finally:
        if course:
            course.site.close()
    return code


def _claim_again(work: Job, course: Course) -> None:
    """Where an earlier owner has been: take its servers from it and end what it left running, before anything else.

    One that was only frozen may wake up at any moment; from here on its commands are refused there. A server that
    does not answer is claimed by the first step that uses it.
    """
    begun = Step.objects.filter(deployment_id=work.id, attempt__gt=0).exclude(server_name="")
    names = set(begun.values_list("server_name", flat=True))
    work.ask_all(
        {target.name: partial(course.site.claim, target) for target in course.site.targets if target.name in names}
    )


def _course(work: Job) -> Course:
    """What is to be done.

    Raises:
        DeployError: it cannot be, as it was planned: `servers_changed`, or `plan_changed` while it stood still with
            servers that are not switched yet; and as `shape_of`, `targets`.
    """
    deployment = work.deployment
    shape = shape_of(_text(deployment), deployment.environment, was_live=deployment.kind in _OF_LIVE)
    found, mask = targets(deployment.environment, only=deployment.plan.get("only", ()))
    planned, servers = _planned(work), [target.name for target in found]
    if servers != planned:
        raise Refused("servers_changed", planned=planned, now=servers)
    switched = wayback.switched(work.id)
    has_moved = _path(deployment) != deployment.environment.path
    if switched and switched != set(planned) and (has_moved or not fingerprint.is_still_true(deployment)):
        raise Refused("plan_changed", number=work.id)
    return _laid_out(work, shape, found, mask)


def _course_back(work: Job) -> Course | None:
    """The course of a deployment that cannot go on and is to go back, to as many of its servers as there still are.

    None: nothing was switched, or nobody can go back.
    """
    deployment = work.deployment
    if not wayback.switched(work.id):
        return None
    try:
        shape = shape_of(_text(deployment), deployment.environment, was_live=True)
        found, mask = targets(deployment.environment, only=_planned(work), skips_closed=True)
        return _laid_out(work, shape, found, mask)
    except Exception as error:
        logger.error("#%d cannot go back", work.id, exc_info=error)
        return None


#: They run the file of a release that was live.
_OF_LIVE = (Deployment.Kind.ROLLBACK, Deployment.Kind.TASK)


def _text(deployment: Deployment) -> str:
    """The pipeline file."""
    release = deployment.release if deployment.kind == Deployment.Kind.ROLLBACK else None
    return str(release.pipeline if release else deployment.plan["pipeline"])


def _path(deployment: Deployment) -> str:
    """The environment's folder on servers when the deployment began."""
    return str(deployment.plan.get("path", deployment.environment.path))


def _planned(work: Job) -> list[str]:
    steps_there = Step.objects.filter(deployment_id=work.id).exclude(server_name="")
    return list(dict.fromkeys(steps_there.values_list("server_name", flat=True)))


def _laid_out(work: Job, shape: EnvironmentPipeline, found: tuple[Target, ...], mask: Masker) -> Course:
    deployment = work.deployment
    names = deployment.plan["before"]
    releases = {
        row.name: row for row in Release.objects.filter(environment=deployment.environment, name__in=names.values())
    }
    work.deadline_s = shape.timeouts.total_s + facts.paused_s(deployment)
    work.patience = acts.patience(shape)
    is_task = deployment.kind == Deployment.Kind.TASK
    return Course(
        deployment=deployment,
        pipeline=shape,
        site=Site(_path(deployment), Fence(work.id, work.epoch), found, mask),
        mask=mask,
        before={server: releases[name] for server, name in names.items() if name in releases},
        secrets=granted(deployment.environment),
        batches=() if is_task else rolling.cut(work, shape, [target.name for target in found]),
    )
