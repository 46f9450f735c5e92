"""Threads that the end of the process does not wait for: what they were at is given up, and asked for again."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def several(act: Callable[[T], R], items: Sequence[T], *, at_once: int, name: str) -> list[R]:
    """What `act` returns for each of `items`, in their order.

    Raises:
        Exception: what `act` raised first, once all have ended.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(items)):
        todo.put(index)
    found: dict[int, R] = {}
    errors: list[Exception] = []

    def work() -> None:
        while True:
            try:
                index = todo.get_nowait()
            except queue.Empty:
                return
            try:
                found[index] = act(items[index])
            except Exception as error:
                errors.append(error)

    threads = [begin(work, name=name) for _ in range(min(at_once, len(items)))]
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [found[index] for index in range(len(items))]


def begin(act: Callable[[], None], *, name: str) -> threading.Thread:
    """A started thread."""
    thread = threading.Thread(target=act, name=name, daemon=True)
    thread.start()
    return thread
