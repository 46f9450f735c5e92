"""The threads that work on what Slack sends, so that it is acknowledged in time however long the work takes."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from typing import Generic, TypeVar

from django.conf import settings

from chatops.keeping import keep_connections

R = TypeVar("R")

_guard = threading.Lock()
_threads: ThreadPoolExecutor | None = None

logger = logging.getLogger(__name__)


class Job(Generic[R]):
    """A piece of work in a thread of its own, begun at once."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._future: Future[R] = _pool().submit(_keeping, work)

    def within(self, budget_s: float) -> R | None:
        """What the work returned, if it has by then; else None. What it raised is raised."""
        try:
            return self._future.result(timeout=budget_s)
        except StillWorking:
            return self._future.result() if self._future.done() else None  # the work itself may run into a time limit

    def then(self, late: Callable[[R], object]) -> None:
        """Give what the work returns to `late`, whenever that is, in one of the threads; what is raised is logged."""
        self._future.add_done_callback(lambda done: later(lambda: late(done.result())))


def later(work: Callable[[], object]) -> None:
    """Do `work` some time soon; what it raises is logged."""
    _pool().submit(_keeping, lambda: _logging(work))


def _logging(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        logger.exception("what Slack sent could not be worked on")


def _keeping(work: Callable[[], R]) -> R:
    try:
        return work()
    finally:
        keep_connections()


def _pool() -> ThreadPoolExecutor:
    global _threads
    with _guard:
        if _threads is None:
            _threads = ThreadPoolExecutor(settings.SLACK_THREADS, thread_name_prefix="slack")
        return _threads
