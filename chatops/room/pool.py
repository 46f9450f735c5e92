"""Database work of the room, in a few threads of our own.

Channels and Django would run it in one `thread_sensitive` thread, where a slow query stops every socket. Each thread
keeps its database connection.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings

from chatops.keeping import keep_connections

P = ParamSpec("P")
R = TypeVar("R")

_guard = threading.Lock()
_threads: ThreadPoolExecutor | None = None


async def run(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What `work` returns, done in one of `ROOM_DB_THREADS` threads."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), partial(_keeping, partial(work, *args, **kwargs)))


def _pool() -> ThreadPoolExecutor:
    global _threads
    with _guard:
        if _threads is None:
            _threads = ThreadPoolExecutor(settings.ROOM_DB_THREADS, thread_name_prefix="room-db")
        return _threads


def _keeping(work: Callable[[], R]) -> R:
    try:
        return work()
    finally:
        keep_connections()
