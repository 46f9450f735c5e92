"""The workspaces that have the app: installed, opened, and given up when Slack says so. Tokens are sealed at rest."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from bot.phrases.tables import at
from chatops.room.models import Room
from chatops.room.timeline import Timeline
from chatops.slack.models import Post, Workspace
from deploy_core import sealing
from deploy_core.ledger import audit
from deploy_core.models import Person, StreamHead

logger = logging.getLogger(__name__)

#: What Slack answers to a token that is of no use any more.
REVOKED = frozenset(
    {"token_revoked", "token_expired", "account_inactive", "invalid_auth", "not_authed", "app_uninstalled"}
)


@transaction.atomic
def install(answer: Mapping[str, Any], token: str, *, by: Person | None) -> Workspace:
    """Keep what Slack answered to an installation (`team`, `app_id`, `bot_user_id`, `scope`), again or anew."""
    team = answer["team"]
    was_removed = Workspace.objects.filter(team=team["id"], removed__isnull=False).exists()
    workspace, _ = Workspace.objects.update_or_create(
        team=team["id"],
        defaults={
            "name": str(team.get("name") or "")[:120],
            "app": answer.get("app_id") or "",
            "bot_user": answer.get("bot_user_id") or "",
            "bot": answer.get("bot_id") or "",
            "scopes": answer.get("scope") or "",
            "sealed": sealing.seal(token.encode(), about=_about(team["id"])),
            "installed_by": by,
            "installed": timezone.now(),
            "removed": None,
            "trouble": "",
            "quiet_until": None,
        },
    )
    if was_removed:
        _begin_anew(workspace)
    audit.record(by, "slack.install", team["id"], "done", scopes=workspace.scopes)
    return workspace


def _begin_anew(workspace: Workspace) -> None:
    """What happened while the app was not there is told to nobody when it is back."""
    _drop_waiting(workspace)
    for kind, rows, about in (("room", workspace.channels, "room"), ("person", workspace.identities, "person")):
        head = StreamHead.objects.filter(kind=kind, stream_id=OuterRef(about)).values("number")
        rows.update(number=Coalesce(Subquery(head), F("number")))


def _drop_waiting(workspace: Workspace) -> None:
    """What waits is sent no more, and what it would have said is kept no longer."""
    waiting = Post.objects.filter(workspace=workspace, is_done=False)
    waiting.update(is_done=True, payload={}, trouble="app_uninstalled")


def token_of(workspace: Workspace) -> str:
    """The bot's token; "" for a workspace that has removed the app.

    Raises:
        SealError: it was sealed under another key, or for another workspace.
    """
    return sealing.open_(workspace.sealed, about=_about(workspace.team)).decode() if workspace.sealed else ""


@transaction.atomic
def remove(workspace: Workspace, why: str, *, by: Person | None = None) -> None:
    """The workspace has removed the app, or `by` has: its token is forgotten, nothing is sent there, rooms are told."""
    gone = Workspace.objects.filter(pk=workspace.pk, removed__isnull=True)
    if gone.update(removed=timezone.now(), sealed=""):
        _drop_waiting(workspace)
        audit.record(by, "slack.remove", workspace.team, why)
        tell_rooms(workspace, "announce.slack_removed")


@transaction.atomic
def give_up(workspace: Workspace, error: str) -> None:
    """Slack refuses the token: nothing is sent until it is installed again, and its rooms are told once."""
    if not Workspace.objects.filter(pk=workspace.pk, trouble="").update(trouble=error[:64]):
        return
    logger.warning("slack refuses the token of %s: %s", workspace.team, error)
    audit.record(None, "slack.token", workspace.team, error)
    tell_rooms(workspace, "announce.slack_broken", error=error)


def tell_if_behind(workspace: Workspace) -> None:
    """Tell its rooms once that Slack has not taken something for `SLACK_BEHIND_S`, and once that it has everything."""
    waiting = Post.objects.filter(workspace=workspace, is_done=False, ts="").order_by("created")
    oldest = waiting.values_list("created", flat=True).first()
    is_late = oldest is not None and timezone.now() - oldest > timedelta(seconds=settings.SLACK_BEHIND_S)
    told = {"since": at(oldest)} if oldest else {}
    if is_late and not workspace.behind:
        code = "announce.slack_behind"
    elif oldest is None and workspace.behind:
        code = "announce.slack_caught_up"
    else:
        return
    with transaction.atomic():
        if Workspace.objects.filter(pk=workspace.pk, behind__isnull=is_late).update(behind=oldest):
            tell_rooms(workspace, code, **told)


def tell_rooms(workspace: Workspace, code: str, **params: Any) -> None:
    """A notice in every room that a channel of the workspace shows."""
    timeline, now = Timeline(), timezone.now()
    told = {"workspace": str(workspace), **params}
    for room in Room.objects.filter(slack_channels__workspace=workspace).distinct().order_by("pk"):
        timeline.notice(room, f"{code}:{workspace.pk}:{now:%s}", code, told, at=now)
    timeline.write()


def _about(team: str) -> str:
    return f"slack:{team}:bot"
