"""What one transaction shows in rooms and tells to persons: messages, and the events that carry them.

Events are collected and numbered last, in the order of their streams, so that no transaction holds the head of
a stream while it does something else, and no two wait for each other. After commit each stream is rung for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from django.db import transaction
from django.utils import timezone

import bot
from bot.invocation import Reply
from chatops.room import calls, frames, hub
from chatops.room.models import Event, Line, Message, Room, Stream
from deploy_core.models import Deployment, Person, sequence
from deploy_core.models.statements import insert, insert_if_new, update

#: An answer quotes so many characters of what it answers.
EXCERPT = 200


class Timeline:
    """Collects; `write` gives numbers and stores. To be used inside one transaction."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._shown: list[tuple[Message, Event]] = []

    def chat(self, line: Line) -> Event:
        """A person said something. The event's `id` is there once all is written."""
        return self._said(Message.Kind.CHAT, "message", line, bot.said(line.text))

    def command(self, line: Line) -> Event:
        """A person ran a command that everybody may see. The event's `id` is there once all is written."""
        return self._said(Message.Kind.COMMAND, "command", line, line.text)

    def _said(self, kind: Message.Kind, event: str, line: Line, text: str) -> Event:
        room_id = cast(int, line.room_id)
        shown = self._add(
            Stream("room", room_id),
            event,
            {"text": text, **_quoted(line.reply_to)},
            at=line.at,
            author=line.author,
            surface=line.surface,
            client_id=line.client_id,
        )
        message = Message(
            room_id=room_id,
            kind=kind,
            author=line.author,
            client_id=line.client_id,
            text=text,
            at=line.at,
            reply_to=line.reply_to,
        )
        self._shown.append((message, shown))
        return shown

    def guest(
        self, room: Room, name: str, text: str, client_id: str, *, surface: str, reply_to: Message | None, at: datetime
    ) -> Event:
        """Somebody who has no account here said something. The event's `id` is there once all is written."""
        told = {"text": text, "guest": name, **_quoted(reply_to)}
        shown = self._add(_stream_of(room), "message", told, at=at, surface=surface, client_id=client_id)
        message = Message(
            room=room,
            kind=Message.Kind.CHAT,
            client_id=client_id,
            text=text,
            params={"guest": name},
            at=at,
            reply_to=reply_to,
        )
        self._shown.append((message, shown))
        return shown

    def answer(self, line: Line, room: Room, reply: Reply) -> None:
        """The bot's answer, for everybody."""
        message = Message(
            room=room,
            kind=Message.Kind.REPLY,
            client_id=f"reply:{line.author_id}:{line.client_id}",
            code=reply.code,
            params=dict(reply.params),
            deployment_id=reply.deployment_id,
            at=timezone.now(),
        )
        told = {**_words(reply), "to_cid": line.client_id, "deployment": reply.deployment_id}
        self._shown.append((message, self._add(_stream_of(room), "reply", told)))

    def changed(self, room_id: int, kind: str, told: Mapping[str, Any], *, by: Person | None) -> Event:
        """Something about the room, its people or a message is another than before: `kind` names what."""
        return self._add(Stream("room", room_id), kind, told, author=by, surface="web" if by else "")

    def told(self, person: Person, kind: str, told: Mapping[str, Any]) -> None:
        """Something that all pages of one person should know."""
        self._add(Stream("person", person.pk), kind, told)

    def private(self, line: Line, room: Room, reply: Reply) -> None:
        """The bot's answer, for the author alone, with the line it answers."""
        told = {"room": room.pk, "for_cid": line.client_id, "text": line.text, **_words(reply)}
        told |= {"is_error": reply.is_error, "deployment": reply.deployment_id}
        self._add(Stream("person", line.author_id), "reply", told)

    def tell(
        self,
        person: Person,
        room: Room | None,
        code: str,
        params: Mapping[str, Any],
        *,
        suggest: Iterable[str] = (),
        deployment_id: int | None = None,
    ) -> None:
        """Something for one person alone that answers no line of theirs, in `room` or (None) wherever they are."""
        words = {"code": code, "params": dict(params), "suggest": list(suggest)}
        told = {"room": room.pk if room else None, "for_cid": "", "text": "", **words}
        told |= {"is_error": False, "deployment": deployment_id}
        self._add(Stream("person", person.pk), "reply", told)

    def proclaim(self, room: Room, line: Line, text: str) -> None:
        """A person has something to say to everybody: it is an announcement, and stands above the talk."""
        by = line.author.username
        message = Message(
            room=room,
            kind=Message.Kind.ANNOUNCEMENT,
            client_id=f"announce:{line.author_id}:{line.client_id}",
            at=line.at,
            text=text,
            code="announce.said",
            params={"by": by, "text": text},
        )
        if insert_if_new(message):
            told = {"code": message.code, "params": message.params, "deployment": None}
            event = self._add(Stream("room", room.pk), "announcement", told, author=line.author, surface=line.surface)
            self._shown.append((message, event))
            Room.objects.filter(pk=room.pk).update(pinned=message)

    def notice(self, room: Room, client_id: str, code: str, params: Mapping[str, Any], *, at: datetime) -> None:
        """Something for everybody in the room that is about no deployment, once."""
        words = {"code": code, "params": dict(params)}
        message = Message(room=room, kind=Message.Kind.ANNOUNCEMENT, client_id=client_id, at=at, **words)
        if insert_if_new(message):
            told = {**words, "deployment": None}
            self._shown.append((message, self._add(_stream_of(room), "announcement", told, client_id=client_id, at=at)))

    def head(self, room_id: int) -> int:
        """The number of the room's newest event so far."""
        numbers = sequence.StreamHead.objects.filter(kind="room", stream_id=room_id).values_list("number", flat=True)
        return numbers.first() or 0

    def dismiss(self, person: Person, number: int) -> None:
        """The private answer with this number is not shown any more."""
        self._add(Stream("person", person.pk), "reply.dismissed", {"q": number})

    def card(self, room: Room, deployment: Deployment, *, at: datetime | None = None) -> None:
        """The deployment's live card, once per room."""
        message = _from_bot(room, deployment, 1, at, kind=Message.Kind.CARD)
        if insert_if_new(message):
            told = {
                "deployment": deployment.pk,
                "app": deployment.app.name,
                "environment": deployment.environment.name,
                "kind": deployment.kind,
                "ref": deployment.ref,
                "by": deployment.requested_by.username,
            }
            self._shown.append(
                (message, self._add(_stream_of(room), "card", told, client_id=message.client_id, at=message.at))
            )

    def announce(
        self, room: Room, deployment: Deployment, number: int, code: str, params: Mapping[str, Any], *, at: datetime
    ) -> None:
        """What entry `number` of the deployment's journal means for people, once per room."""
        words = {"code": code, "params": dict(params)}
        message = _from_bot(room, deployment, number, at, kind=Message.Kind.ANNOUNCEMENT, **words)
        if insert_if_new(message):
            told = {**words, "deployment": deployment.pk}
            self._shown.append(
                (message, self._add(_stream_of(room), "announcement", told, client_id=message.client_id, at=message.at))
            )

    def _add(self, stream: Stream, kind: str, payload: Mapping[str, Any], **fields: Any) -> Event:
        fields.setdefault("at", timezone.now())
        event = Event(stream_kind=stream.kind, stream_id=stream.id, kind=kind, payload=payload, **fields)
        self._events.append(event)
        return event

    def write(self) -> None:
        """Number the events, store them and what was said; ring for their streams once all is committed."""
        of_stream: dict[Stream, list[Event]] = defaultdict(list)
        for event in self._events:
            of_stream[Stream(event.stream_kind, event.stream_id)].append(event)
        for stream in sorted(of_stream):
            events = of_stream[stream]
            first = sequence.take(stream.kind, stream.id, len(events))
            for number, event in enumerate(events, first):
                event.number = number
        said = [message for message, _ in self._shown if message._state.adding]
        known = [message for message, _ in self._shown if not message._state.adding]
        for message, event in self._shown:
            message.number = event.number
        insert(said)
        calls.note(said)
        for message in known:
            update(message, "number")
        for message, event in self._shown:
            event.payload = {"id": message.pk, **event.payload}
        insert(self._events)
        for stream in sorted(of_stream):
            _ring_after_commit(stream, of_stream[stream])
        self._events, self._shown = [], []


def _ring_after_commit(stream: Stream, events: list[Event]) -> None:
    # No partial: Django asks a robust callback that failed for its __qualname__.
    transaction.on_commit(lambda: hub.deliver(stream, [frames.of_event(event) for event in events]), robust=True)


def _from_bot(room: Room, deployment: Deployment, number: int, at: datetime | None, **words: Any) -> Message:
    client_id = f"deployment:{deployment.pk}/{number}"
    return Message(room=room, client_id=client_id, deployment=deployment, at=at or timezone.now(), **words)


def _quoted(said: Message | None) -> dict[str, Any]:
    """What a line answers, as far as it is said under it."""
    if said is None:
        return {}
    return {"reply": {"id": said.pk, "q": said.number, "by": said.said_by, "text": said.text[:EXCERPT]}}


def _stream_of(room: Room) -> Stream:
    return Stream("room", room.pk)


def _words(reply: Reply) -> dict[str, Any]:
    return {"code": reply.code, "params": dict(reply.params), "suggest": list(reply.suggest)}
