"""How far a step is, while it runs: said to whoever listens in this process, and kept nowhere."""

import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.dispatch import Signal

#: Sent with `stream` ("deployment:5"), `key` (of the step), `done` and `total`, in whatever thread does the work.
told = Signal()


def teller(deployment_id: int, key: str) -> Callable[[int, int], None]:
    """What a step calls with (done, total) as often as it likes; every `PROGRESS_S` and at the end it is told on."""
    guard = threading.Lock()
    next_at = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal next_at
        now = time.monotonic()
        with guard:
            if now < next_at and done < total:
                return
            next_at = now + settings.PROGRESS_S
        told.send_robust(sender=None, stream=f"deployment:{deployment_id}", key=key, done=done, total=total)

    return tell
