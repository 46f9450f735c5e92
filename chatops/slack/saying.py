"""What people say in a room, for the channels that show it: said, changed and taken back there as it is here.

What came from a channel is never sent back to it; what apps and bots write there is never heard (`asks.of_message`).
So nothing goes round, however many channels show one room.
"""

from typing import Any

from bot import phrases
from chatops.room.models import Event, Message
from chatops.slack import outbox, speech
from chatops.slack.models import Channel, Heard, Post


def say(link: Channel, event: Event) -> None:
    """Show in the channel what somebody said in the room, if it is shown there."""
    message_id = event.payload["id"]
    if not link.may_talk or event.number <= (link.talk or 0) or event.payload.get("deleted"):
        return
    if event.surface == "slack" and Heard.objects.filter(message=message_id, place=link.channel).exists():
        return
    who = event.author.username if event.author else event.payload.get("guest", "")
    outbox.put(
        link.workspace,
        link.channel,
        f"chat:{message_id}",
        speech.said(who, _place(event.surface), event.payload["text"]),
        channel=link,
        said_id=message_id,
        **_thread(link, event.payload),
    )


def change(link: Channel, event: Event) -> None:
    """Show what the message says by now, where it was shown."""
    post = _post(link, event)
    if not link.may_talk or post is None or post.is_gone or post.said is None or (post.is_done and not post.ts):
        return
    own = Event.objects.filter(stream_kind="room", stream_id=link.room_id, number=post.said.number or 0).first()
    if own and not post.said.deleted:
        message = speech.said(post.said.said_by, _place(own.surface), post.said.text)
        Post.objects.filter(pk=post.pk).update(payload=message, is_done=False)


def take_back(link: Channel, event: Event) -> None:
    """Take a message back where it was shown, also where talk is not shown any more; one that waits is not sent."""
    post = _post(link, event)
    if post is not None and (post.ts or post.begun):
        Post.objects.filter(pk=post.pk).update(payload={}, is_gone=True, is_done=False)
    elif post is not None:
        Post.objects.filter(pk=post.pk).update(payload={}, is_gone=True, is_done=True)


def _post(link: Channel, event: Event) -> Post | None:
    posts = Post.objects.filter(channel=link, said=event.payload["id"])
    return posts.select_related("said__author").first()


def _place(surface: str) -> str:
    return phrases.render("slack.from.slack" if surface == "slack" else "slack.from.web", {})


def _thread(link: Channel, told: dict[str, Any]) -> dict[str, Any]:
    """Where an answer stands: in the thread of what it answers, which is that of the first message."""
    answered = (told.get("reply") or {}).get("id")
    if not answered:
        return {}
    if heard := Heard.objects.filter(place=link.channel, message=answered).first():
        return {"thread": heard.thread or heard.ts}
    if post := Post.objects.filter(channel=link, said=answered).select_related("under").first():
        return {"thread": post.thread} if post.thread else {"under": post.under or post}
    deployment_id = Message.objects.filter(pk=answered).values_list("deployment", flat=True).first()
    card = outbox.card_of(link, deployment_id) if deployment_id else None
    return {"under": card} if card else {}
