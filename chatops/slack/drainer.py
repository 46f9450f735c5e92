"""The thread that sends, in each process that serves. A row's lease sees to it that only one of them does at a time."""

import logging
import os
import socket
import threading
import time
import uuid

from django.conf import settings
from django.db import close_old_connections

from chatops.slack.sender import Sender, forget

#: Between two rounds, however often it is woken: deployments may write hundreds of entries a second.
REST_S = 0.2
#: How often old answers are dropped.
FORGET_S = 3600.0

logger = logging.getLogger(__name__)


class Drainer(threading.Thread):
    """Sends what is due, every `SLACK_TICK_S` and when woken. A round that fails is logged; the next one comes."""

    def __init__(self) -> None:
        super().__init__(name="slack-outbox", daemon=True)
        self._sender = Sender(f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def run(self) -> None:
        _warm_up()
        forgotten = float("-inf")
        while not self._stopped.is_set():
            self._woken.clear()
            wait_s = float(settings.SLACK_TICK_S)
            try:
                wait_s = self._sender.round()
                if time.monotonic() - forgotten > FORGET_S:
                    forget()
                    forgotten = time.monotonic()
            except Exception:
                logger.exception("a round of the Slack outbox failed")
            finally:
                close_old_connections()
            self._stopped.wait(REST_S)
            self._woken.wait(max(wait_s - REST_S, 0.0))

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()
        self.join(timeout=1)


_drainer: Drainer | None = None


def is_configured() -> bool:
    """Whether this installation has anything to do with Slack."""
    return bool(settings.SLACK_SIGNING_SECRET or settings.SLACK_APP_TOKEN)


def begin() -> None:
    """Send from this process from now on, where Slack is set up."""
    global _drainer
    if is_configured() and _drainer is None:
        _drainer = Drainer()
        _drainer.start()


def end() -> None:
    """Send no more. What is left goes out at the next start, or from another process."""
    global _drainer
    if _drainer is not None:
        _drainer.stop()
        _drainer = None


def wake() -> None:
    """Something happened that Slack may have to hear."""
    if _drainer is not None:
        _drainer.wake()


def _warm_up() -> None:
    """Bolt takes a moment to be imported: not while the first command waits for its acknowledgement."""
    from chatops.slack import listeners

    listeners.app()
