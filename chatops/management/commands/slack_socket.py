"""`manage.py slack_socket`: Slack by Socket Mode, for an installation that Slack cannot reach. The same listeners."""

import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatops.slack import calls, drainer, workspaces
from chatops.slack.models import Workspace


class Command(BaseCommand):
    help = "Listen to Slack over a socket (Socket Mode) until Ctrl-C, and send to it."

    def handle(self, *args: Any, **options: Any) -> None:
        """Connect, and say so. The SDK connects again by itself when the line is cut."""
        if not settings.SLACK_APP_TOKEN:
            raise CommandError("set SHIPROOM_SLACK_APP_TOKEN to the app's own token (xapp-…), see docs/slack.md")
        if settings.SLACK_BOT_TOKEN:
            self._install()
        if not Workspace.objects.filter(removed__isnull=True).exists():
            raise CommandError(
                "no workspace has the app: set SHIPROOM_SLACK_BOT_TOKEN (xoxb-…), or install it under /slack/"
            )
        from slack_bolt.adapter.socket_mode import SocketModeHandler

        from chatops.slack import listeners

        leaving = threading.Event()

        def leave(number: int, frame: FrameType | None) -> None:
            leaving.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, leave)
        handler = SocketModeHandler(
            listeners.app(), settings.SLACK_APP_TOKEN, web_client=calls.client(), concurrency=settings.SLACK_THREADS
        )
        handler.connect()  # type: ignore[no-untyped-call]
        drainer.begin()
        self.stdout.write("connected to Slack")
        self.stdout.flush()
        leaving.wait()
        handler.close()  # type: ignore[no-untyped-call]
        drainer.end()

    def _install(self) -> None:
        """Keep the workspace of the bot token that was given, where no browser can come back from Slack."""
        token = settings.SLACK_BOT_TOKEN
        try:
            response = calls.client(token).auth_test()
        except Exception as error:
            raise CommandError(f"Slack does not take SHIPROOM_SLACK_BOT_TOKEN: {error}") from error
        found = response.data
        if not isinstance(found, dict):
            raise CommandError("Slack answered nothing that makes sense")
        known = Workspace.objects.filter(team=found["team_id"], removed__isnull=True, trouble="").first()
        scopes = str(dict(response.headers).get("x-oauth-scopes") or (known.scopes if known else ""))
        if known and workspaces.token_of(known) == token:
            return
        answer = {
            "team": {"id": found["team_id"], "name": found.get("team")},
            "bot_user_id": found.get("user_id"),
            "bot_id": found.get("bot_id"),
            "scope": scopes,
        }
        workspaces.install(answer, token, by=None)
