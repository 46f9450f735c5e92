"""What people say in a room, for the channels that show it: said, changed and taken back there as it is here.

What came from a channel is never sent back to it; what apps and bots write there is never heard (`asks.of_message`).
So nothing goes round, however many channels show one room.
"""

from typing import Any

from bot import phrases
from chatops.room.models import Event, Message
from chatops.slack import outbox, speech
from chatops.slack.blocks import Json
from chatops.slack.models import Channel, Heard, Post

#: Characters of a message that takes others along: Slack folds longer ones up.
TOGETHER_LIMIT = 3_000


def say(link: Channel, event: Event) -> None:
    """Show in the channel what somebody said in the room, if it is shown there. Where people talk faster than Slack
    takes messages, it goes along with what waits.
    """
    message_id = event.payload["id"]
    if not link.may_talk or event.number <= (link.talk or 0) or event.payload.get("deleted"):
        return
    if event.surface == "slack" and Heard.objects.filter(message=message_id, place=link.channel).exists():
        return
    who = event.author.username if event.author else event.payload.get("guest", "")
    words, where = (
        speech.said(who, _place(event.surface == "slack"), event.payload["text"]),
        _thread(link, event.payload),
    )
    waiting = _waiting(link, **where)
    post = outbox.put(
        link.workspace, link.channel, f"chat:{message_id}", words, channel=link, said_id=message_id, **where
    )
    if waiting and len(waiting.payload["text"]) + len(words["text"]) < TOGETHER_LIMIT:
        Post.objects.filter(pk=post.pk).update(joined=waiting, is_done=True, payload={})
        Post.objects.filter(pk=waiting.pk).update(payload=speech.together([waiting.payload, words]))


def change(link: Channel, event: Event) -> None:
    """Show what the message says by now, where it was shown."""
    post = _post(link, event)
    if link.may_talk and post is not None and (words := _words(post)):
        Post.objects.filter(pk=post.pk).update(payload=words, is_done=False)


def take_back(link: Channel, event: Event) -> None:
    """Take a message back where it was shown, also where talk is not shown any more; one that waits is not sent."""
    post = _post(link, event)
    if post is None:
        return
    words = _words(post)
    is_done = not words and not post.ts and not post.begun
    Post.objects.filter(pk=post.pk).update(payload=words, is_gone=not words, is_done=is_done)


def _waiting(link: Channel, under: Post | None = None, thread: str = "") -> Post | None:
    """What was said last in the same thread, while it waits to be sent."""
    left = Post.objects.filter(channel=link, said__isnull=False, under=under, thread=thread)
    return left.filter(is_done=False, ts="", begun__isnull=True).order_by("pk").last()


def _post(link: Channel, event: Event) -> Post | None:
    """What shows a message in the channel; None, too, for what will never be there."""
    own = Post.objects.filter(channel=link, said=event.payload["id"]).select_related("joined__said__author").first()
    post = own.joined or own if own else None
    return None if post is None or post.is_gone or (post.is_done and not post.ts) else post


def _words(post: Post) -> Json:
    """What a message of the channel says by now, with what goes along; empty when all of it was taken back."""
    along = post.along.select_related("said__author").order_by("pk")
    said = [each.said for each in (post, *along) if each.said and not each.said.deleted]
    heard = set(Heard.objects.filter(message__in=said).values_list("message", flat=True))
    words = [speech.said(message.said_by, _place(message.pk in heard), message.text) for message in said]
    return speech.together(words) if words else {}


def _place(is_slack: bool) -> str:
    return phrases.render("slack.from.slack" if is_slack else "slack.from.web", {})


def _thread(link: Channel, told: dict[str, Any]) -> dict[str, Any]:
    """Where an answer stands: in the thread of what it answers, which is that of the first message."""
    answered = (told.get("reply") or {}).get("id")
    if not answered:
        return {}
    if heard := Heard.objects.filter(place=link.channel, message=answered).first():
        return {"thread": heard.thread or heard.ts}
    if own := Post.objects.filter(channel=link, said=answered).select_related("under", "joined__under").first():
        post = own.joined or own
        return {"thread": post.thread} if post.thread else {"under": post.under or post}
    deployment_id = Message.objects.filter(pk=answered).values_list("deployment", flat=True).first()
    card = outbox.card_of(link, deployment_id) if deployment_id else None
    return {"under": card} if card else {}
