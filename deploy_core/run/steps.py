"""The steps on a server: stage, switch, restart, health, back; and what is asked of servers besides.

An act runs in a thread, talks to the world, and leaves rows to the job's own thread.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from deploy_core.errors import CommandFailed, ReachError
from deploy_core.models import Release, Step
from deploy_core.reach import health, staging
from deploy_core.reach.artifacts import Artifact as Built
from deploy_core.reach.connection import Connection
from deploy_core.reach.deltas import Base
from deploy_core.rules.pipeline import EnvironmentPipeline, Task
from deploy_core.rules.remote import Once

from . import bases, facts
from .acts import Act, Hands
from .course import Course, port_on
from .servers import Target

logger = logging.getLogger(__name__)


def stage(course: Course, target: Target, release: Release, built: Built, made_of: Sequence[Base] = ()) -> Act:
    """Lay the release out beside the current one, whole and verified; of one in `made_of`, if the server has it."""
    spec = staging.ReleaseSpec(
        path=course.site.path,
        name=release.name,
        artifact=built,
        fence=course.site.fence,
        shared_files=course.pipeline.shared.files,
        shared_folders=course.pipeline.shared.folders,
        bases=made_of,
        stands_alone=course.is_written_to,
    )

    def act(hands: Hands) -> None:
        def lay_out(connection: Connection) -> staging.Staged:
            return staging.stage(
                connection,
                spec,
                on_line=hands.on_line,
                on_progress=hands.progress,
                timeout_s=course.pipeline.timeouts.step_s,
                stop=hands.stop,
            )

        done = course.site.use(target, lay_out, claims=True)
        for name, why in done.remarks:
            hands.say(f"{name} {_UNUSABLE.get(why, why)}")
        hands.say(_told(release, built, done, "copied" if course.is_written_to else "linked"))
        hands.record(partial(facts.staged, release, target.server_id))
        gone = {done.base} if done.is_used_up else set()
        gone |= {name for name, why in done.remarks if why in ("missing", "stale")}
        for base in made_of:
            if base.is_spare and base.name not in gone:
                hands.record(partial(bases.put_back, course.deployment.environment, target.server_id, base))

    return act


_UNUSABLE = {
    "missing": "is not there any more",
    "current": "is current, so it is not used up",
    "touched": "was touched on the server",
    "stale": "is not what it was, so everything is sent",
}


def _told(release: Release, built: Built, done: staging.Staged, brought: str) -> str:
    """How the release came there, for the log."""
    if done.was_there:
        return f"{release.name} was there already, complete and verified; 0 bytes sent"
    sent = f"{done.sent_bytes:,} bytes sent, {done.sent_files:,} of {built.manifest.files:,} files"
    how = f", {'in place of' if done.is_used_up else f'the rest {brought} from'} {done.base}" if done.base else ""
    return f"{release.name} is complete and verified; {sent}{how}"


def switch(course: Course, target: Target, release: Release) -> Act:
    """Make the release current, with the hooks before and after."""
    hooks, deployment = course.pipeline.hooks, course.deployment
    once = partial(Once, deployment=deployment.pk, asked=int(deployment.created.timestamp()))
    run = partial(_run_in, course, target, release, course.pipeline.timeouts.step_s)

    def act(hands: Hands) -> None:
        for number, command in enumerate(hooks.before_switch):
            run(hands, f"releases/{release.name}", command, once=once(f"before_switch.{number}"))
        _make_current(course, target, release, hands)
        for number, command in enumerate(hooks.after_switch):
            run(hands, "current", command, once=once(f"after_switch.{number}"))

    return act


def restart(course: Course, target: Target, release: Release) -> Act:
    """Run the pipeline's restart command in `current`."""

    def act(hands: Hands) -> None:
        command = course.pipeline.restart
        if command:
            _run_in(course, target, release, command.timeout_s, hands, "current", command.command)

    return act


def run_task(course: Course, target: Target, task: Task) -> Act:
    """Run a named task of the pipeline in `current`. One that was cut off is not begun again by itself."""
    begun = Step.objects.get(deployment=course.deployment, key=f"task:{target.name}").attempt

    def act(hands: Hands) -> None:
        if begun:
            raise CommandFailed("interrupted", server=target.name)
        release = course.before.get(target.name)
        if release is None:
            raise CommandFailed("release_missing", server=target.name)
        for command in task.commands:
            _run_in(course, target, release, task.timeout_s, hands, "current", command, repeats=False)

    return act


def check_health(course: Course, target: Target) -> Act:
    """Ask the app on the server until it is well."""
    return partial(ask_health, course, target)


def ask_health(course: Course, target: Target, hands: Hands | None = None) -> None:
    """Return when the app on the server is well; without `hands` nobody hears the answers."""
    asked = course.pipeline.health
    if not asked:
        return
    check = _check(course, target)
    heard: dict[str, Any] = {"on_line": hands.on_line, "stop": hands.stop} if hands else {}

    def ask(connection: Connection) -> None:
        health.wait_until_healthy(connection, check, timeout_s=asked.timeout_s, interval_s=asked.interval_s, **heard)

    course.site.use(target, ask)


def _check(course: Course, target: Target) -> health.Check:
    """What deploy.yml asks of the app on a server."""
    asked = course.pipeline.health
    if asked and asked.http:
        return health.HttpCheck(port_on(target, course.pipeline), asked.http.path, asked.http.status)
    if asked and asked.tcp:
        return health.TcpCheck(port_on(target, course.pipeline))
    command = asked.command if asked else ""

    def run(connection: Connection, patience_s: float) -> None:
        staging.run_in(
            connection,
            course.site.path,
            "current",
            command,
            course.site.fence,
            variables=course.variables_on(target),
            timeout_s=patience_s,
        )

    return health.CommandCheck(course.mask.text(command), run)


def go_back(course: Course, target: Target, release: Release, shape: EnvironmentPipeline) -> Act:
    """Make the release before current again, restart it and see that it is well, as its own pipeline says."""
    old = Course(course.deployment, shape, course.site, course.mask, course.before, course.secrets)

    def act(hands: Hands) -> None:
        _make_current(old, target, release, hands)
        restart(old, target, release)(hands)
        check_health(old, target)(hands)

    return act


def prune(course: Course, target: Target, awaited: Iterable[str] = ()) -> list[str] | None:
    """Remove the oldest releases of a server, but none that is `awaited`; what is left, None if nobody can tell."""
    protect = [*awaited, *(release.name for release in (course.before.get(target.name),) if release)]
    try:
        return course.site.use(
            target,
            lambda connection: staging.prune(
                connection, course.site.path, course.pipeline.keep, course.site.fence, protect=protect
            ),
        )
    except (CommandFailed, ReachError) as error:
        logger.warning("#%d could not prune on %s: %s", course.deployment.pk, target.name, error)
        return None


def current_on(course: Course, target: Target) -> str:
    """The name of the release that a server really runs."""
    return course.site.use(target, lambda connection: staging.current(connection, course.site.path))


def _make_current(course: Course, target: Target, release: Release, hands: Hands) -> None:
    site = course.site
    was = site.use(target, lambda connection: staging.switch(connection, site.path, release.name, site.fence))
    hands.say(f"current is {release.name}" + (f", was {was}" if was and was != release.name else ""))
    hands.record(partial(facts.switched, release, target.server_id))


def _run_in(
    course: Course,
    target: Target,
    release: Release,
    timeout_s: float,
    hands: Hands,
    folder: str,
    command: str,
    *,
    once: Once | None = None,
    repeats: bool = True,
) -> None:
    site = course.site
    hands.say(f"$ {course.mask.text(command)}")

    def run(connection: Connection) -> None:
        staging.run_in(
            connection,
            site.path,
            folder,
            command,
            site.fence,
            variables=course.variables_on(target, release),
            on_line=hands.on_line,
            timeout_s=timeout_s,
            stop=hands.stop,
            once=once,
        )

    site.use(target, run, repeats=repeats)
