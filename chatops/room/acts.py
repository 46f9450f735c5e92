"""What a client asks of the database, with the person's session and rights as they are at that moment."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

from django.db import transaction
from django.utils import timezone

from chatops.room import access, authors, chat, completion, door, messages, people, streams
from chatops.room.door import Identity
from chatops.room.frames import Frame
from chatops.room.incoming import Unfit
from chatops.room.messages import Outcome
from chatops.room.models import Event, Line, Membership, Message, Room, Stream
from chatops.room.timeline import Timeline
from deploy_core.models import Person
from deploy_core.models.statements import select

#: What the button of a card sends. It says nothing of its own, so it works also where managers alone write.
_BUTTON = re.compile(r"/cancel #\d+")
_JOINED = "WHERE room.id = %s AND room.id IN (SELECT room_id FROM room_membership WHERE person_id = %s)"

R = TypeVar("R")


def as_person(identity: Identity, work: Callable[[Person], R]) -> R:
    """What `work` returns for the person behind `identity`.

    Raises:
        Unfit: `auth`: the session has ended, or the person was deactivated.
    """
    person = door.person_of(identity)
    if person is None:
        raise Unfit("auth")
    return work(person)


def visible(person: Person, asked: Collection[Stream]) -> list[Stream]:
    """Those of `asked` that the person may follow, in that order."""
    return [stream for stream in asked if access.may_see(person, stream)]


def require(person: Person, stream: Stream) -> None:
    """
    Raises:
        Unfit: `not_found`: there is no such stream, or the person may not follow it.
    """
    if not access.may_see(person, stream):
        raise Unfit("not_found")


def page(person: Person, stream: Stream, *, limit: int, after: int | None = None, before: int | None = None) -> Frame:
    """The fields of a `range` answer."""
    require(person, stream)
    return streams.page(stream, after=after, before=before, limit=limit)


def snapshot(person: Person, stream: Stream) -> Frame:
    """The fields of a `snapshot` answer."""
    require(person, stream)
    return streams.snapshot(stream, person)


class Said(NamedTuple):
    """A line of chat typed on a page."""

    by: Identity
    room: int
    text: str
    client_id: str
    reply_to: int | None


def say(lines: Sequence[Said]) -> list[Outcome | Exception]:
    """What came of each of `lines`, stored together; `Unfit` with `auth` where the session has ended."""
    people = authors.signed_in(line.by for line in lines)
    answered = _answered(lines)
    now = timezone.now()
    kept = [
        Line(
            author=people[by], room_id=room, text=text, client_id=client_id, surface="web", at=now,
            reply_to=answered.get((room, reply_to)),
        )
        for by, room, text, client_id, reply_to in lines
        if by in people
    ]  # fmt: skip
    outcomes = iter(chat.say(kept))
    return [next(outcomes) if line.by in people else Unfit("auth") for line in lines]


def _answered(lines: Sequence[Said]) -> dict[tuple[int, int | None], Message]:
    """The messages that lines answer, by room and id. One that is gone is left out: the line is one as any other."""
    named = {line.reply_to for line in lines if line.reply_to}
    found = Message.objects.filter(pk__in=named, deleted__isnull=True).select_related("author") if named else ()
    return {(message.room_id, message.pk): message for message in found}


def post(
    person: Person, room_id: int, text: str, client_id: str, *, is_late: bool, reply_to: int | None = None
) -> Outcome:
    """What came of a line typed on a page. An answer to a message that is gone is a line as any other.

    Raises:
        Refused: `read_only`: only the room's managers write there, for a command is shown as chat is; others as
            `messages.post`.
    """
    room = room_of(person, room_id)
    if not _BUTTON.fullmatch(text):
        people.require_voice(person, room)
    answered = Message.objects.filter(room=room, pk=reply_to, deleted__isnull=True).first() if reply_to else None
    return messages.post(
        author=person,
        room=room,
        text=text,
        client_id=client_id,
        surface="web",
        is_late=is_late,
        reply_to=answered,
    )


def complete(person: Person, room_id: int, text: str, caret: int) -> Frame:
    """The fields of a `completions` answer."""
    return completion.complete(person, room_of(person, room_id), text, caret)


def mark_read(person: Person, room_id: int, number: int) -> None:
    """The person has read a room's events up to `number`; it never goes back, nor beyond what there is."""
    room = Stream("room", room_of(person, room_id).pk)
    number = min(number, streams.heads([room])[room].number)
    Membership.objects.filter(person=person, room=room_id, read__lt=number).update(read=number)


@transaction.atomic
def dismiss(person: Person, number: int) -> None:
    """A private answer is not shown any more."""
    own = Event.objects.filter(stream_kind="person", stream_id=person.pk)
    is_dismissed = own.filter(kind="reply.dismissed", payload__q=number).exists()
    if own.filter(kind="reply", number=number).exists() and not is_dismissed:
        timeline = Timeline()
        timeline.dismiss(person, number)
        timeline.write()


def room_of(person: Person, room_id: int) -> Room:
    """
    Raises:
        Unfit: `not_found`: there is no such room, or the person is not in it.
    """
    for room in select(Room, _JOINED, (room_id, person.pk), related=("default_app",)):
        return room
    raise Unfit("not_found")
