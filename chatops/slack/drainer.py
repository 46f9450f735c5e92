"""What sends to Slack, in each process that serves. A row's lease sees to it that only one of them does at a time."""

import os
import socket
import uuid
from collections.abc import Callable

from django.conf import settings

from chatops.rounds import Rounds
from chatops.slack import deliveries, outbox, strays
from chatops.slack.sender import Sender


def _make() -> Callable[[], float]:
    from chatops.slack import listeners

    listeners.app()  # Bolt takes a moment to be imported: not while the first command waits for its acknowledgement
    sender = Sender(f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}")

    def round_() -> float:
        strays.pick_up()
        return sender.round()

    return round_


def _forget() -> None:
    deliveries.forget()
    outbox.forget()


rounds = Rounds("slack-outbox", _make, _forget)


def begin() -> None:
    """Send from this process from now on, where this installation has anything to do with Slack."""
    if settings.SLACK_SIGNING_SECRET or settings.SLACK_APP_TOKEN:
        rounds.begin()
