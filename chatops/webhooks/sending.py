"""The thread that tells others, in each process that serves. A row's lease sees to it that only one tries at a time."""

import logging
import threading
import time

from django.conf import settings
from django.db import close_old_connections

from chatops.webhooks import outbox, sender

#: How often what is long done is dropped.
_FORGET_S = 3600.0

logger = logging.getLogger(__name__)


class _Thread(threading.Thread):
    """A round every `HOOK_TICK_S`, and when woken. One that fails is logged; the next one comes."""

    def __init__(self) -> None:
        super().__init__(name="webhooks", daemon=True)
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def run(self) -> None:
        forgotten = float("-inf")
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                outbox.collect()
                sender.round_()
                if time.monotonic() - forgotten > _FORGET_S:
                    sender.forget()
                    forgotten = time.monotonic()
            except Exception:
                logger.exception("a round of the webhooks failed")
            finally:
                close_old_connections()
            self._woken.wait(settings.HOOK_TICK_S)

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()
        self.join(timeout=1)


_thread: _Thread | None = None


def begin() -> None:
    """Tell others from this process from now on."""
    global _thread
    if _thread is None:
        _thread = _Thread()
        _thread.start()


def end() -> None:
    """No more. What is left goes out at the next start, or from another process."""
    global _thread
    if _thread is not None:
        _thread.stop()
        _thread = None


def wake() -> None:
    """Something happened that somebody may have to hear."""
    if _thread is not None:
        _thread.wake()
