"""What a client asks of the database, with the person's session and rights as they are at that moment."""

from collections.abc import Callable, Collection
from typing import TypeVar

from django.db import transaction

from chatops.room import access, completion, door, messages, streams
from chatops.room.door import Identity
from chatops.room.frames import Frame
from chatops.room.incoming import Unfit
from chatops.room.messages import Outcome
from chatops.room.models import Event, Membership, Room, Stream
from chatops.room.timeline import Timeline
from deploy_core.models import Person

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


def post(person: Person, room_id: int, text: str, client_id: str, *, is_late: bool) -> Outcome:
    """What came of a line typed on a page."""
    return messages.post(
        author=person, room=_room(person, room_id), text=text, client_id=client_id, surface="web", is_late=is_late
    )


def complete(person: Person, room_id: int, text: str, caret: int) -> Frame:
    """The fields of a `completions` answer."""
    return completion.complete(person, _room(person, room_id), text, caret)


def mark_read(person: Person, room_id: int, number: int) -> None:
    """The person has read a room's events up to `number`; it never goes back, nor beyond what there is."""
    room = Stream("room", _room(person, room_id).pk)
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


def _room(person: Person, room_id: int) -> Room:
    room = Room.objects.select_related("default_app").filter(pk=room_id, members=person).first()
    if room is None:
        raise Unfit("not_found")
    return room
