"""What becomes of a message after it was said: its author changes it, or takes it back; a manager may take it back too.

The message's own event changes with it, so that who reads the room later finds no other text; an event of its own tells
those who have read it already. Both say the same, in whatever order they arrive.
"""

from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

import bot
from chatops.room import calls, people
from chatops.room.models import Event, Line, Message, Room
from chatops.room.timeline import EXCERPT, Timeline
from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import Person
from deploy_core.rules.times import iso


class Changed(NamedTuple):
    """The message, and the number of the event that tells of the change; None when nothing was left to change."""

    message: int
    number: int | None


@transaction.atomic
def edit(person: Person, room: Room, message_id: int, text: str) -> Changed:
    """The message says `text` from now on, without any secret in it.

    Raises:
        Refused: `not_found` (no such message here, or it was taken back), `forbidden` (somebody else's, or no chat),
            `read_only` (only the room's managers write here by now).
    """
    message = _message(room, message_id)
    if message.author_id != person.pk or message.kind != Message.Kind.CHAT:
        raise Refused("forbidden")
    people.require_voice(person, room)
    return _say_anew(message, text, by=person)


@transaction.atomic
def follow_edit(room: Room, message_id: int, text: str) -> None:
    """Its author has changed it where it was said: the message says `text` too, without any secret in it."""
    message = Message.objects.select_for_update().filter(room=room, pk=message_id, deleted__isnull=True).first()
    if message is not None:
        _say_anew(message, text, by=message.author)


def _say_anew(message: Message, text: str, *, by: Person | None) -> Changed:
    text = bot.mask(text).text
    if message.text == text:
        return Changed(message.pk, None)
    message.text, message.edited = text, timezone.now()
    message.save(update_fields=["text", "edited"])
    calls.note_again(message)
    _rewrite(message, {"text": text, "edited": iso(message.edited)})
    _retell(message, text)
    _requote(message, text[:EXCERPT])
    return _tell(message, "message.edited", by, {"id": message.pk, "text": text})


@transaction.atomic
def delete(person: Person, room: Room, message_id: int) -> Changed:
    """The message is taken back: its text is gone, here and where it was quoted.

    Raises:
        Refused: `not_found`, `forbidden` (it is somebody else's and the person manages nothing here, or it is no chat).
    """
    message = Message.objects.select_for_update().filter(room=room, pk=message_id).first()
    if message is None:
        raise Refused("not_found")
    is_own = message.author_id == person.pk
    if message.kind != Message.Kind.CHAT or not (is_own or people.may_manage(person, room)):
        raise Refused("forbidden")
    if message.deleted:
        return Changed(message.pk, None)
    changed = _take_back(message, by=person)
    if not is_own:
        audit.record(person, "message.delete", room.slug, "done", message=message.pk, author=message.said_by)
    return changed


@transaction.atomic
def follow_delete(room: Room, message_id: int) -> None:
    """It was taken back where it was said: so it is here."""
    message = Message.objects.select_for_update().filter(room=room, pk=message_id, deleted__isnull=True).first()
    if message is not None:
        _take_back(message, by=message.author)


def _take_back(message: Message, *, by: Person | None) -> Changed:
    message.text, message.deleted = "", timezone.now()
    message.save(update_fields=["text", "deleted"])
    message.mentions.all().delete()
    Line.objects.filter(author=message.author, client_id=message.client_id).update(text="")
    _rewrite(message, {"text": "", "deleted": True})
    _retell(message, "")
    _requote(message, "")
    return _tell(message, "message.deleted", by, {"id": message.pk})


def _message(room: Room, message_id: int) -> Message:
    message = Message.objects.select_for_update().filter(room=room, pk=message_id, deleted__isnull=True).first()
    if message is None:
        raise Refused("not_found")
    return message


def _rewrite(message: Message, fields: dict[str, Any]) -> None:
    """Change what the message's own event says."""
    own = Event.objects.filter(stream_kind="room", stream_id=message.room_id, number=message.number or 0)
    for event in own:
        own.update(payload=event.payload | fields)


def _retell(message: Message, text: str) -> None:
    """Events that told of earlier changes tell what holds now: what was changed away is nowhere to be read."""
    for told in Event.objects.filter(
        stream_kind="room",
        stream_id=message.room_id,
        number__gt=message.number or 0,
        kind="message.edited",
        payload__id=message.pk,
    ):
        Event.objects.filter(pk=told.pk).update(payload=told.payload | {"text": text})


def _requote(message: Message, text: str) -> None:
    """Answers that quote the message quote it as it is now."""
    for answer in message.replies.all():
        quoted = Event.objects.filter(stream_kind="room", stream_id=answer.room_id, number=answer.number or 0).first()
        if quoted and quoted.payload.get("reply"):
            said = quoted.payload | {"reply": quoted.payload["reply"] | {"text": text}}
            Event.objects.filter(pk=quoted.pk).update(payload=said)


def _tell(message: Message, kind: str, person: Person | None, told: dict[str, Any]) -> Changed:
    timeline = Timeline()
    event = timeline.changed(message.room_id, kind, told, by=person)
    timeline.write()
    return Changed(message.pk, event.number)
