"""Rows as frames: the JSON objects of docs/room-protocol.md. Data only, never HTML and never a rendered sentence."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chatops.room.models import Event, Message, Stream
from deploy_core.models import JournalEntry, Person
from deploy_core.rules.times import iso

Frame = dict[str, Any]
#: One line of a log: number, milliseconds since the epoch, `o` output, `e` error output or `m` our own note, text.
LogLine = tuple[int, int, str, str]

#: What went wrong, for whoever reads frames; pages show their own sentence for the code.
ERRORS: Mapping[str, str] = {
    "bad_frame": "not a frame: one JSON object with a text field t is expected",
    "unknown_type": "no such frame type",
    "bad_text": "the text holds a character that cannot be stored",
    "too_long": "the text is too long",
    "too_large": "the frame is too large",
    "rate_limited": "too much in too short a time",
    "not_found": "no such thing, or not for you",
    "forbidden": "that is not yours to do",
    "read_only": "only its managers write in this room",
    "expired": "the command is too old to run",
    "auth": "the session has ended",
    "version": "this version of the protocol is not spoken here",
    "unavailable": "the database takes nothing just now, so nothing was done; try again",
    "internal": "a fault of the server; it has been logged",
}


def encode(frame: Mapping[str, Any]) -> bytes:
    """The frame as it travels: compact UTF-8 JSON."""
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def of_event(event: Event, epoch: str = "") -> Frame:
    """An event of a room's or a person's stream. `event.author` is read: select it with the rows."""
    frame: Frame = {
        "t": "event",
        "s": f"{event.stream_kind}:{event.stream_id}",
        "e": epoch,
        "q": event.number,
        "k": event.kind,
        "at": iso(event.at),
        "by": by(event.author, event.surface) or _guest(event),
        "d": event.payload,
    }
    if event.client_id:
        frame["cid"] = event.client_id
    return frame


def of_entry(entry: JournalEntry, epoch: str) -> Frame:
    """An entry of a deployment's journal. `entry.person` is read: select it with the rows."""
    return {
        "t": "event",
        "s": f"deployment:{entry.deployment_id}",
        "e": epoch,
        "q": entry.number,
        "k": entry.kind,
        "at": iso(entry.at),
        "by": by(entry.person, ""),
        "d": entry.payload,
    }


def by(person: Person | None, surface: str) -> Frame | None:
    """Who did it, and through which door; None is the bot."""
    return {"id": person.pk, "name": person.username, "via": surface} if person else None


def _guest(event: Event) -> Frame | None:
    """Somebody who has no account here, and spoke through another door."""
    name = event.payload.get("guest")
    return {"id": None, "name": name, "via": event.surface} if name else None


def pinned(message: Message) -> Frame:
    """The announcement that stands above a room's talk."""
    by = message.params.get("by", "")
    return {"id": message.pk, "q": message.number, "at": iso(message.at), "by": by, "text": message.text}


def log(stream: Stream, epoch: str, lines: Sequence[LogLine], *, is_eof: bool) -> Frame:
    """Lines that were just written, in order."""
    return {
        "t": "log",
        "s": str(stream),
        "e": epoch,
        "first": lines[0][0] if lines else 0,
        "lines": [[ms, channel, text] for _, ms, channel, text in lines],
        "eof": is_eof,
    }


def log_events(lines: Sequence[LogLine]) -> list[Frame]:
    """Lines as the `events` of a `range` or `snapshot`."""
    return [{"q": number, "ms": ms, "c": channel, "text": text} for number, ms, channel, text in lines]


def error(code: str, **fields: Any) -> Frame:
    """A refusal. `fields` name what it answers (`rid` or `cid`) and what to do about it; None is left out."""
    named = {name: value for name, value in fields.items() if value is not None}
    return {"t": "err", **named, "code": code, "msg": ERRORS.get(code, code)}
