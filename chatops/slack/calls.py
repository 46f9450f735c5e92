"""Calls of Slack's Web API, with what may come back sorted by what can be done about it."""

from collections.abc import Mapping
from functools import lru_cache
from http.client import HTTPException
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from chatops.slack import workspaces
from chatops.slack.models import Workspace


class Limited(Exception):
    """Too many calls: nothing was done. `after_s`: not before."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"for {after_s:g} s")
        self.after_s = after_s


class Unsure(Exception):
    """No answer, or one that makes no sense: it may have been done, or not."""


class Refused(Exception):
    """Slack's answer is no, `error` says why. Nothing was done."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def call(workspace: Workspace, method: str, **arguments: Any) -> Mapping[str, Any]:
    """What Slack answers.

    Raises:
        Limited, Unsure, Refused: see each.
    """
    return answer(client(workspaces.token_of(workspace)), method, json=arguments)


def ask(workspace: Workspace, method: str, **arguments: Any) -> Mapping[str, Any]:
    """The same for a method that only looks: those take no JSON."""
    told = {name: str(value).lower() if isinstance(value, bool) else value for name, value in arguments.items()}
    return answer(client(workspaces.token_of(workspace)), method, http_verb="GET", params=told)


def answer(client: WebClient, method: str, **how: Any) -> Mapping[str, Any]:
    """The same, with a client of one's own and the arguments as `WebClient.api_call` takes them."""
    try:
        response = client.api_call(method, **how)
    except SlackApiError as error:
        raise _sorted(error) from error
    except (SlackClientError, OSError, HTTPException, ValueError) as error:
        raise Unsure(type(error).__name__) from error
    data = response.data
    if not isinstance(data, dict):
        raise Unsure("no JSON")
    return data


def _sorted(error: SlackApiError) -> Exception:
    response = error.response
    if response.status_code == 429 or response.get("error") == "ratelimited":
        given = {name.lower(): value for name, value in response.headers.items()}.get("retry-after", "1")
        return Limited(_seconds(given[0] if isinstance(given, list) else given))
    if response.status_code >= 500 or response.get("error") in ("internal_error", "fatal_error", "service_unavailable"):
        return Unsure(f"status {response.status_code}")
    return Refused(str(response.get("error") or "unknown_error"))


def _seconds(given: str) -> float:
    try:
        return min(max(float(given), 0.0), 3600.0)
    except ValueError:
        return 1.0


@lru_cache(maxsize=16)
def _client(token: str, url: str, timeout_s: float) -> WebClient:
    # The SDK says int, and hands it on to urllib, which takes any number.
    return WebClient(token=token or None, base_url=url, timeout=cast(int, timeout_s), retry_handlers=[])


def client(token: str = "") -> WebClient:
    """A client that tries nothing twice by itself: what may be repeated is the outbox's business."""
    return _client(token, settings.SLACK_API_URL, settings.SLACK_TIMEOUT_S)


def is_hook(url: str) -> bool:
    """Whether a response_url leads to Slack: nothing else is ever called, whoever signed the request."""
    wanted = urlsplit(settings.SLACK_HOOKS_URL)
    try:
        given = urlsplit(url)
        return (given.scheme, given.netloc) == (wanted.scheme, wanted.netloc) and not given.username
    except ValueError:
        return False


def tell(hook: str, message: Mapping[str, Any]) -> bool:
    """Send a late answer to a response_url, and say whether Slack took it."""
    if not is_hook(hook):
        return False
    try:
        sent = WebhookClient(hook, timeout=settings.SLACK_TIMEOUT_S, retry_handlers=[]).send_dict(dict(message))
    except (OSError, HTTPException, ValueError):
        return False
    return bool(sent.status_code == 200)
