"""`manage.py slack_socket`: Slack by Socket Mode, for an installation that Slack cannot reach."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatops.slack import drainer


class Command(BaseCommand):
    help = "Listen to Slack over a line that we open (Socket Mode), and send to it, until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the line, and say so."""
        from chatops.slack import line

        leaving = threading.Event()

        def leave(number: int, frame: FrameType | None) -> None:
            leaving.set()

        try:
            opened = line.open_()
        except line.NoLine as error:
            raise CommandError(str(error)) from error
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, leave)
        drainer.begin()
        self.stdout.write("connected to Slack")
        self.stdout.flush()
        leaving.wait()
        opened.close()  # type: ignore[no-untyped-call]
        drainer.rounds.end()
