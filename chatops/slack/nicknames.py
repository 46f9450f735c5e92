"""What Slack users are called there. Each process asks once in a while, and does without where Slack is silent."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings

from chatops.slack import calls, speech
from chatops.slack.models import Workspace
from deploy_core.sealing import SealError

#: Names that a process keeps, and those that it asks for because of one message.
MOST_KEPT, MOST_ASKED = 5_000, 10


class _Kept(NamedTuple):
    name: str
    until: float


_kept: dict[tuple[int, str], _Kept] = {}


def of(workspace: Workspace, users: Iterable[str]) -> dict[str, str]:
    """The name of each; of whom Slack does not tell it, the id."""
    found, asked = {}, 0
    for user in users:
        kept = _kept.get((workspace.pk, user))
        if kept is None or kept.until < time.monotonic():
            if asked == MOST_ASKED:
                found[user] = user
                continue
            asked += 1
            kept = _ask(workspace, user)
        found[user] = kept.name
    return found


def forget() -> None:
    """Ask again for each."""
    _kept.clear()


def _ask(workspace: Workspace, user: str) -> _Kept:
    try:
        told = calls.ask(workspace, "users.info", user=user)["user"]
        name, good_s = _name(told), settings.SLACK_NAME_S
    except (calls.Limited, calls.Unsure, calls.Refused, SealError, KeyError, TypeError, AttributeError):
        name, good_s = "", settings.SLACK_RETRY_MOST_S  # what they say does not wait for Slack each time
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    made = _kept[workspace.pk, user] = _Kept(name or user, time.monotonic() + good_s)
    return made


def _name(told: dict[str, object]) -> str:
    profile = told.get("profile")
    own = profile if isinstance(profile, dict) else {}
    given = own.get("display_name") or told.get("real_name") or own.get("real_name") or told.get("name") or ""
    return speech.named(str(given))
