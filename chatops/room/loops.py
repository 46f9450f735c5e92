"""One object per event loop. A server has one loop; tests have one each, and threads must find the right one."""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Makes a `T` the first time a running loop asks for one, and forgets it once that loop is closed."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, T] = {}
        self._guard = threading.Lock()

    def here(self) -> T:
        """The running loop's own."""
        loop = asyncio.get_running_loop()
        if (found := self._made.get(loop)) is not None:
            return found
        with self._guard:
            self._made = {known: made for known, made in self._made.items() if not known.is_closed()}
            made = self._made[loop] = self._make()
        return made

    def everywhere(self) -> list[tuple[asyncio.AbstractEventLoop, T]]:
        """Every open loop of this process that has one; to be used through `call_soon_threadsafe`."""
        with self._guard:
            return [(loop, made) for loop, made in self._made.items() if not loop.is_closed()]

    def tell(self, act: Callable[[T], None]) -> bool:
        """Have every loop that has one run `act` on it, from any thread; says whether there was one."""
        told = False
        for loop, made in self.everywhere():
            try:
                loop.call_soon_threadsafe(act, made)
            except RuntimeError:  # closed between the look and the call
                continue
            told = True
        return told
