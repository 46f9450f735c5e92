"""The threads that work on what Slack sends, so that it is acknowledged in time however long the work takes."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from typing import TypeVar

from django.conf import settings
from django.db import close_old_connections

R = TypeVar("R")

_guard = threading.Lock()
_threads: ThreadPoolExecutor | None = None

logger = logging.getLogger(__name__)


def within(budget_s: float, work: Callable[[], R], late: Callable[[R], None]) -> R | None:
    """What `work` returns, if it does within `budget_s`; else None, and `late` gets it when it is there.

    What `work` raises within the budget is raised; later it is logged.
    """
    future = _pool().submit(_closing, work)
    try:
        return future.result(timeout=budget_s)
    except StillWorking:
        if future.done():  # `work` itself ran into a time limit
            return future.result()
        future.add_done_callback(lambda done: _hand_over(done, late))
        return None


def later(work: Callable[[], object]) -> None:
    """Do `work` some time soon."""
    _pool().submit(_closing, work).add_done_callback(lambda done: _hand_over(done, lambda _: None))


def _hand_over(done: "Future[R]", late: Callable[[R], None]) -> None:
    try:
        late(done.result())
    except Exception:
        logger.exception("what Slack sent could not be worked on")
    finally:
        close_old_connections()


def _closing(work: Callable[[], R]) -> R:
    try:
        return work()
    finally:
        close_old_connections()


def _pool() -> ThreadPoolExecutor:
    global _threads
    with _guard:
        if _threads is None:
            _threads = ThreadPoolExecutor(settings.SLACK_THREADS, thread_name_prefix="slack")
        return _threads
