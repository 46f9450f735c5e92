"""The line that we open to Slack where Slack cannot reach us (Socket Mode). The listeners are those of HTTP."""

from django.conf import settings
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackClientError

from chatops.slack import calls, listeners, workspaces
from chatops.slack.models import Workspace


class NoLine(Exception):
    """It cannot be opened; the message says what is missing."""


def open_() -> SocketModeHandler:
    """A line that hands over what Slack sends until it is closed. When it is cut, the SDK opens it again.

    Raises:
        NoLine: a token is missing or refused, or no workspace has the app.
    """
    if not settings.SLACK_APP_TOKEN:
        raise NoLine("set SHIPROOM_SLACK_APP_TOKEN to the app's own token (xapp-…), see docs/slack.md")
    if settings.SLACK_BOT_TOKEN:
        _install(settings.SLACK_BOT_TOKEN)
    if not Workspace.objects.filter(removed__isnull=True).exists():
        raise NoLine("no workspace has the app: set SHIPROOM_SLACK_BOT_TOKEN (xoxb-…), or install it under /slack/")
    handler = SocketModeHandler(
        listeners.app(),
        settings.SLACK_APP_TOKEN,
        web_client=calls.client(),
        concurrency=settings.SLACK_THREADS,
        ping_interval=settings.SLACK_PING_S,
    )
    try:
        handler.connect()  # type: ignore[no-untyped-call]
    except (SlackClientError, OSError) as error:
        raise NoLine(f"Slack opens no line: {error}") from error
    return handler


def _install(token: str) -> None:
    """Keep the workspace of a bot token, where no browser can come back from Slack."""
    try:
        response = calls.client(token).auth_test()
    except (SlackClientError, OSError) as error:
        raise NoLine(f"Slack does not take SHIPROOM_SLACK_BOT_TOKEN: {error}") from error
    found = response.data
    if not isinstance(found, dict):
        raise NoLine("Slack answered nothing that makes sense")
    known = Workspace.objects.filter(team=found["team_id"], removed__isnull=True, trouble="").first()
    given = {name.lower(): value for name, value in response.headers.items()}
    scopes = given.get("x-oauth-scopes") or (known.scopes if known else "")
    if known and workspaces.token_of(known) == token and known.scopes == scopes:
        return
    answer = {
        "team": {"id": found["team_id"], "name": found.get("team")},
        "bot_user_id": found.get("user_id"),
        "bot_id": found.get("bot_id"),
        "scope": scopes,
    }
    workspaces.install(answer, token, by=None)
