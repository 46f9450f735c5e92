"""What every engine process does each second: say that it lives, and find what nobody works on.

Each act is one conditional update or can be done twice, so any number of processes may tick.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models.functions import Now
from django.utils import timezone

from deploy_core.ledger import journal, lives
from deploy_core.models import Deployment, Executor
from deploy_core.rules.status import ACTIVE, Status
from deploy_core.safety import due, gates, queue

from . import errands, looking

logger = logging.getLogger(__name__)

Ensure = Callable[[Iterable[Deployment]], None]
Resume = Callable[[str], int]


class Heart(threading.Thread):
    """Says every `TICK_S` that its executor lives: a thread of its own, so that no long tick makes it seem dead."""

    def __init__(self, executor: str) -> None:
        super().__init__(name="heart", daemon=True)
        self._executor = executor
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                say_alive(self._executor)
            except Exception:
                logger.exception("%s could not say that it lives", self._executor)
            finally:
                close_old_connections()
            self._stopped.wait(settings.TICK_S)

    def stop(self) -> None:
        self._stopped.set()
        self.join(timeout=10)


class Ticker(threading.Thread):
    """Ticks every `TICK_S` until it is stopped; woken, it only sees to it that what may run does.

    A tick that fails is logged; the next one comes.
    """

    def __init__(self, executor: str, *, ensure: Ensure, resume_runs_of: Resume) -> None:
        super().__init__(name="ticker", daemon=True)
        self._executor = executor
        self._ensure = ensure
        self._resume_runs_of = resume_runs_of
        self._heart = Heart(executor)
        self._watch = Watch()
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def run(self) -> None:
        self._heart.start()
        next_tick = time.monotonic()
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                if time.monotonic() < next_tick:
                    self._ensure(wanting_work())
                else:
                    next_tick = time.monotonic() + settings.TICK_S
                    tick(self._executor, self._ensure, self._resume_runs_of, self._watch)
            except Exception:
                logger.exception("a tick of %s failed", self._executor)
            finally:
                close_old_connections()
            self._woken.wait(max(0.0, next_tick - time.monotonic()))
        self._heart.stop()

    def wake(self) -> None:
        """Look now what may run: something was asked for, or has ended."""
        self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()
        self.join(timeout=10)


class Watch:
    """Who said nothing for how long, by the clock of whoever watches, which nobody can set.

    That of the database, which stands in the rows, is only compared with itself: an hour more or less makes nobody
    seem dead. Whoever begins to watch waits the whole time first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, tuple[datetime, float]] = {}

    def silent(self, executors: Iterable[Executor]) -> list[Executor]:
        """Those of `executors` that said nothing for `EXECUTOR_SILENT_S`."""
        now = self._clock()
        last = {}
        for executor in executors:
            seen, since = self._last.get(executor.name, (None, now))
            last[executor.name] = (executor.seen, since if seen == executor.seen else now)
        self._last = last
        return [it for it in executors if now - last[it.name][1] > settings.EXECUTOR_SILENT_S]


def is_wanted(deployment_id: int, run: int) -> bool:
    """Whether this run is still to be done, by whoever holds the deployment now; one that was cancelled is not."""
    return Deployment.objects.filter(pk=deployment_id, run=run, status__in={Status.PLANNING, *ACTIVE}).exists()


def tick(executor: str, ensure: Ensure, resume_runs_of: Resume, watch: Watch) -> None:
    """One beat of `executor`. A duty that fails keeps none of the others from being done; the first is raised then."""
    duties = (
        partial(take_over_silent, executor, resume_runs_of, watch),
        due.act,
        errands.work_off,
        looking.begin_due,
        lives.note,
        lambda: ensure(wanting_work()),
    )
    failed = [error for duty in duties if (error := _failure(duty)) is not None]
    if failed:
        raise failed[0]


def _failure(duty: Callable[[], object]) -> Exception | None:
    try:
        duty()
    except Exception as error:
        return error
    return None


def say_alive(executor: str) -> None:
    """Write that `executor` lives, by the database's clock."""
    if not Executor.objects.filter(pk=executor).update(seen=_now()):
        Executor.objects.create(name=executor, seen=_now(), started=_now())


def say_goodbye(executor: str) -> None:
    """Nobody need wait for `executor` any more."""
    Executor.objects.filter(pk=executor).delete()


def take_over_silent(executor: str, resume_runs_of: Resume, watch: Watch) -> None:
    """Give the runs of executors that went silent back to the queue; of several who see it, one.

    The row goes last: whoever dies in between leaves it, and somebody does it again.
    """
    for silent in watch.silent(list(Executor.objects.exclude(pk=executor))):
        row = Executor.objects.filter(pk=silent.name)
        if not row.filter(seen=silent.seen).update(seen=_now()):
            continue
        seen = row.values_list("seen", flat=True).get()
        for lost in Deployment.objects.filter(executor=silent.name, status__in={Status.PLANNING, *ACTIVE}):
            journal.lose_steps(lost.pk, silent.name)
        count = resume_runs_of(silent.name)
        if row.filter(seen=seen).delete()[0]:
            logger.warning("%s is silent since %s: %d runs taken over", silent.name, silent.seen, count)


def wanting_work() -> list[Deployment]:
    """The deployments a worker should have: planning, active, and the next one of each free environment."""
    if not due.is_any_open():
        return []
    working = Deployment.objects.filter(status__in={Status.PLANNING, *ACTIVE} - {Status.PAUSED})
    return [*working.order_by("pk"), *_next_ones()]


def _next_ones() -> list[Deployment]:
    """Of each free environment the oldest that is queued and may start: nobody waits behind another one's lock.

    One that was asked for earlier and is still planned is waited for.
    """
    taken = Deployment.objects.filter(status__in=ACTIVE)
    waiting = Deployment.objects.filter(status=Status.QUEUED).exclude(environment__in=taken.values("environment"))
    rows = list(waiting.select_related("app", "environment", "requested_by").order_by("pk"))
    held = {*gates.held(rows), *queue.too_early(rows)}
    first: dict[int, Deployment] = {}
    for row in rows:
        if row.pk not in held:
            first.setdefault(row.environment_id, row)
    return list(first.values())


def is_alive(within_s: float) -> bool:
    """Whether any engine process said something in the last `within_s` seconds."""
    return Executor.objects.filter(seen__gte=_now() - timedelta(seconds=within_s)).exists()


def _now() -> Any:
    """The database's time; SQLite's is ours, and is written as we compare it."""
    return Now() if connection.vendor == "postgresql" else timezone.now()
