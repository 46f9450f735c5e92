"""The workspaces that have the app: installed, opened, and given up when Slack says so. Tokens are sealed at rest."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from chatops.room.models import Room
from chatops.room.timeline import Timeline
from chatops.slack.models import Workspace
from deploy_core import sealing
from deploy_core.ledger import audit
from deploy_core.models import Person

logger = logging.getLogger(__name__)

#: What Slack answers to a token that is of no use any more.
REVOKED = frozenset(
    {"token_revoked", "token_expired", "account_inactive", "invalid_auth", "not_authed", "app_uninstalled"}
)


@transaction.atomic
def install(answer: Mapping[str, Any], token: str, *, by: Person | None) -> Workspace:
    """Keep what Slack answered to an installation (`team`, `app_id`, `bot_user_id`, `scope`), again or anew."""
    team = answer["team"]
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
    audit.record(by, "slack.install", team["id"], "done", scopes=workspace.scopes)
    return workspace


def token_of(workspace: Workspace) -> str:
    """The bot's token; "" for a workspace that has removed the app.

    Raises:
        SealError: it was sealed under another key, or for another workspace.
    """
    return sealing.open_(workspace.sealed, about=_about(workspace.team)).decode() if workspace.sealed else ""


@transaction.atomic
def remove(workspace: Workspace, why: str, *, by: Person | None = None) -> None:
    """The workspace has removed the app, or `by` has: its token is forgotten, and nothing is sent there."""
    gone = Workspace.objects.filter(pk=workspace.pk, removed__isnull=True)
    if gone.update(removed=timezone.now(), sealed=""):
        audit.record(by, "slack.remove", workspace.team, why)


@transaction.atomic
def give_up(workspace: Workspace, error: str) -> None:
    """Slack refuses the token: nothing is sent until it is installed again, and its rooms are told once."""
    if not Workspace.objects.filter(pk=workspace.pk, trouble="").update(trouble=error[:64]):
        return
    logger.warning("slack refuses the token of %s: %s", workspace.team, error)
    audit.record(None, "slack.token", workspace.team, error)
    timeline = Timeline()
    params = {"workspace": str(workspace), "error": error}
    now = timezone.now()
    for room in Room.objects.filter(slack_channels__workspace=workspace).distinct().order_by("pk"):
        timeline.notice(room, f"slack:{workspace.pk}:{now:%s}", "announce.slack_broken", params, at=now)
    timeline.write()


def _about(team: str) -> str:
    return f"slack:{team}:bot"
