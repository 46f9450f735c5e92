"""What a process does again and again in a thread of its own: every so often, and soon after something woke it."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import connections

from chatops.keeping import keep_connections

#: Between two rounds, however often they are woken: deployments may write hundreds of entries a second.
REST_S = 0.2
#: After a round that failed.
PAUSE_S = 1.0
#: How often what is long over is dropped.
FORGET_S = 3600.0

logger = logging.getLogger(__name__)


class Rounds:
    """`make` is called in the thread, and gives what a round does: it returns how many seconds the next one may wait.

    A round that fails is logged, and the next one comes. `forget` is called at the beginning, and once an hour.
    """

    def __init__(self, name: str, make: Callable[[], Callable[[], float]], forget: Callable[[], None]) -> None:
        self._name = name
        self._make = make
        self._forget = forget
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def begin(self) -> None:
        """Go round in this process from now on."""
        if self._thread is None:
            self._stopped = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stopped,), name=self._name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Go round no more. What is left is done after the next start, or by another process."""
        if self._thread is not None:
            self._stopped.set()
            self._woken.set()
            self._thread.join(timeout=1)
            self._thread = None

    def wake(self) -> None:
        """Something happened that the next round is about."""
        self._woken.set()

    def _run(self, stopped: threading.Event) -> None:
        work = self._make()
        forgotten = float("-inf")
        while not stopped.is_set():
            self._woken.clear()
            wait_s = PAUSE_S
            try:
                wait_s = work()
                if time.monotonic() - forgotten > FORGET_S:
                    self._forget()
                    forgotten = time.monotonic()
            except Exception:
                logger.exception("a round of %s failed", self._name)
            finally:
                keep_connections()
            stopped.wait(REST_S)
            self._woken.wait(max(wait_s - REST_S, 0.0))
        connections.close_all()
