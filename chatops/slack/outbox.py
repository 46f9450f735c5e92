"""The messages that Slack is to get: stored first, sent by one process at a time, in the order of each place.

Slack has no idempotency key. So a message carries our id as metadata, and `begun` is committed before the call: whoever
finds a message begun and without a `ts` looks for it in the channel before it is sent again.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from chatops.slack.blocks import Json
from chatops.slack.models import Channel, Heard, Post, Workspace


def put(
    workspace: Workspace,
    place: str,
    key: str,
    message: Json,
    *,
    channel: Channel | None = None,
    under: Post | None = None,
    thread: str = "",
    whisper_to: str = "",
    is_broadcast: bool = False,
    deployment_id: int | None = None,
    said_id: int | None = None,
) -> Post:
    """Send `message` to a place, once per key; a card is drawn when it is sent, so it has none. `said_id`: the message
    of a person in the room that it shows.
    """
    post, _ = Post.objects.get_or_create(
        workspace=workspace,
        place=place,
        key=key[:80],
        defaults={
            "channel": channel,
            "payload": message,
            "under": under,
            "thread": thread,
            "whisper_to": whisper_to,
            "is_broadcast": is_broadcast,
            "deployment_id": deployment_id,
            "said_id": said_id,
        },
    )
    return post


def whisper(workspace: Workspace, place: str, user: str, key: str, message: Json, *, thread: str = "") -> Post:
    """Tell one user something: in the channel, where only they see it, or (no place) by a direct message."""
    if not place or place.startswith("D"):
        return put(workspace, user, key, message)
    return put(workspace, place, f"{user}:{key}", message, whisper_to=user, thread=thread)


def forget() -> None:
    """Drop what was sent or heard long ago. The message of a deployment stays: a line typed below it means that
    deployment.
    """
    old = timezone.now() - timedelta(days=settings.SLACK_KEEP_DAYS)
    Heard.objects.filter(at__lt=old).delete()
    Post.objects.filter(is_done=True, deployment__isnull=True, created__lt=old).delete()


def card_of(channel: Channel, deployment_id: int) -> Post | None:
    """The message of a deployment in a channel, if it has one there."""
    return Post.objects.filter(channel=channel, deployment=deployment_id, key=f"card:{deployment_id}").first()
