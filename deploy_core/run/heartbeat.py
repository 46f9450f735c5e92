"""What every engine process does each second: say that it lives, and find what nobody works on.

Each act is one conditional update or can be done twice, so any number of processes may tick.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from deploy_core.ledger import journal
from deploy_core.models import Deployment, Executor
from deploy_core.rules.status import ACTIVE, Status
from deploy_core.safety import due, gates

logger = logging.getLogger(__name__)

Ensure = Callable[[Iterable[Deployment]], None]
Resume = Callable[[str], int]


class Ticker(threading.Thread):
    """Ticks every `TICK_S`, and when woken, until it is stopped. A tick that fails is logged; the next one comes."""

    def __init__(self, executor: str, *, ensure: Ensure, resume_runs_of: Resume) -> None:
        super().__init__(name="ticker", daemon=True)
        self._executor = executor
        self._ensure = ensure
        self._resume_runs_of = resume_runs_of
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                tick(self._executor, self._ensure, self._resume_runs_of)
            except Exception:
                logger.exception("a tick of %s failed", self._executor)
            finally:
                close_old_connections()
            self._woken.wait(settings.TICK_S)

    def wake(self) -> None:
        """Tick now: something ended, and another thing may begin."""
        self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()
        self.join(timeout=10)


def tick(executor: str, ensure: Ensure, resume_runs_of: Resume) -> None:
    """One beat of `executor`."""
    say_alive(executor)
    take_over_silent(executor, resume_runs_of)
    due.act()
    ensure(wanting_work())


def say_alive(executor: str) -> None:
    now = timezone.now()
    if not Executor.objects.filter(pk=executor).update(seen=now):
        Executor.objects.create(name=executor, seen=now, started=now)


def take_over_silent(executor: str, resume_runs_of: Resume) -> None:
    """Give the runs of executors that went silent back to the queue.

    The row goes last: whoever dies in between leaves it, and the next tick does it again.
    """
    limit = timezone.now() - timedelta(seconds=settings.EXECUTOR_SILENT_S)
    for silent in Executor.objects.filter(seen__lt=limit).exclude(pk=executor):
        for lost in Deployment.objects.filter(executor=silent.name, status__in={Status.PLANNING, *ACTIVE}):
            journal.lose_steps(lost.pk, silent.name)
        count = resume_runs_of(silent.name)
        if Executor.objects.filter(pk=silent.name, seen=silent.seen).delete()[0]:
            logger.warning("%s is silent since %s: %d runs taken over", silent.name, silent.seen, count)


def wanting_work() -> list[Deployment]:
    """The deployments a worker should have: planning, active, and the next one of each free environment."""
    working = Deployment.objects.filter(status__in={Status.PLANNING, *ACTIVE} - {Status.PAUSED})
    return [*working, *_next_ones()]


def _next_ones() -> list[Deployment]:
    """Of each free environment the oldest that is queued and may start: nobody waits behind another one's lock."""
    taken = Deployment.objects.filter(status__in=ACTIVE)
    waiting = Deployment.objects.filter(status=Status.QUEUED).exclude(environment__in=taken.values("environment"))
    rows = list(waiting.select_related("app", "environment", "requested_by").order_by("pk"))
    held = gates.held(rows)
    first: dict[int, Deployment] = {}
    for row in rows:
        if row.pk not in held:
            first.setdefault(row.environment_id, row)
    return list(first.values())


def is_alive(within_s: float) -> bool:
    """Whether any engine process said something in the last `within_s` seconds."""
    return Executor.objects.filter(seen__gte=timezone.now() - timedelta(seconds=within_s)).exists()
