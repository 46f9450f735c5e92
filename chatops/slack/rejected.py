"""What becomes of a message that Slack says no to: sent another way, once more, or not at all."""

import logging
from typing import Any

from django.db import transaction

from chatops.slack import rooms, workspaces
from chatops.slack.desk import page
from chatops.slack.models import Channel, Post

logger = logging.getLogger(__name__)

#: What Slack says of a channel that gets nothing more of us.
CLOSED = frozenset({"channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "restricted_action"})
#: What it says of a message that is larger than it takes.
TOO_MUCH = frozenset(
    {"msg_too_long", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "too_many_attachments"}
)
#: What it says of a thread that is no more.
NO_THREAD = frozenset({"thread_not_found", "cannot_reply_to_message", "message_not_found"})


def keep(post: Post, **fields: Any) -> None:
    """Set these fields, here and in the row."""
    for name, value in fields.items():
        setattr(post, name, value)
    post.save(update_fields=list(fields))


def give_way(post: Post, error: str) -> None:
    """Do what can be done about `error`, which Slack answered to `post`."""
    logger.warning("slack refused %s in %s: %s", post.key, post.place, error)
    if error in workspaces.REVOKED:
        keep(post, begun=None)
        workspaces.give_up(post.workspace, error)
    elif post.ts and post.said_id:  # somebody deleted it there, or it is too old to be changed
        keep(post, is_done=True, payload={}, trouble="" if post.is_gone else error[:64])
    elif post.ts and error == "message_not_found" and not post.trouble:  # somebody deleted it: once more
        keep(post, ts="", begun=None, digest="", number=0, status="", not_before=None, trouble=error)
    elif post.whisper_to:
        _whisper_elsewhere(post, error)
    elif error in CLOSED:
        _close(post, error)
    elif error in TOO_MUCH and not post.trouble:
        _send_short(post, error)
    elif error in NO_THREAD and (post.under or post.thread):
        keep(post, under=None, thread="", begun=None)
    else:
        keep(post, is_done=True, trouble=error[:64])


def _whisper_elsewhere(post: Post, error: str) -> None:
    """Where the bot may not whisper, it writes to the person."""
    key = {"place": post.whisper_to, "key": f"w:{post.pk}"}
    keep(post, whisper_to="", thread="", begun=None, trouble=error[:64], **key)


def _send_short(post: Post, error: str) -> None:
    """A message that is too large for Slack goes as its first words; for a deployment, with its page."""
    logger.error("slack takes no message of this size (%s): %s", post.key, error)
    url = page(post.deployment_id) if post.deployment_id else ""
    text = str((post.payload or {}).get("text", ""))[:300]
    if post.ts:
        keep(post, is_done=True, trouble=error[:64])
    else:
        keep(post, payload={"text": f"{text} {url}".strip()}, deployment_id=None, begun=None, trouble=error[:64])


@transaction.atomic
def _close(post: Post, error: str) -> None:
    """A channel gets nothing more; its room is told once, with what to do."""
    waiting = Post.objects.filter(workspace=post.workspace, place=post.place, is_done=False)
    waiting.update(is_done=True, payload={}, trouble=error[:64])
    for channel in Channel.objects.filter(workspace=post.workspace, channel=post.place).select_related("room"):
        rooms.stop(channel, error)
