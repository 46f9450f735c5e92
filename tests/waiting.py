"""Waiting for a condition, with a deadline: the only way in which a test lets time pass."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 30.0
PAUSE_S = 0.02


def asleep(number: int) -> str:
    """A command that sleeps for a day, and that no other test run on this machine has."""
    return f"sleep {86_400 + number}.{os.getpid():07d}"


def wait_until(condition: Callable[[], T], timeout: float = DEADLINE_S, what: str = "") -> T:
    """The first true value of `condition()`, asked every 20 ms.

    Raises:
        AssertionError: nothing true came within `timeout` seconds; it shows the last value.
    """
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {what or condition} (last: {value!r})")
        time.sleep(PAUSE_S)
    return value


async def eventually(condition: Callable[[], Awaitable[T]], timeout_s: float = DEADLINE_S, what: str = "") -> T:
    """`wait_until` for a coroutine function."""
    end = time.monotonic() + timeout_s
    while not (value := await condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {what or condition} (last: {value!r})")
        await asyncio.sleep(PAUSE_S)
    return value
