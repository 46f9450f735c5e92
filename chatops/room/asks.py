"""Frames that are one question or act with one answer: what a message becomes, finding, unfurling, levels, own lines.

Each function gets the person and the frame and returns the answer without what it answers to.
"""

from collections.abc import Callable, Mapping

from chatops.room import alerts, messages, search, talk, unfurl
from chatops.room.acts import room_of
from chatops.room.frames import Frame
from chatops.room.incoming import Incoming, Unfit
from chatops.room.models import Line
from deploy_core.models import Person

#: One's own earlier commands in a room, for the composer's history.
LINES = 100


def edit(person: Person, frame: Incoming) -> Frame:
    """Change what one said."""
    room, text = room_of(person, frame.number("room")), frame.text("text")
    messages.check(text)
    changed = talk.edit(person, room, frame.number("id"), text)
    return {
        "t": "ack",
        "result": "edited",
        "s": f"room:{room.pk}",
        "q": changed.number,
        "d": {"message": changed.message},
    }


def delete(person: Person, frame: Incoming) -> Frame:
    """Take back what one said, or as a manager what somebody else said."""
    room = room_of(person, frame.number("room"))
    changed = talk.delete(person, room, frame.number("id"))
    return {
        "t": "ack",
        "result": "deleted",
        "s": f"room:{room.pk}",
        "q": changed.number,
        "d": {"message": changed.message},
    }


def find(person: Person, frame: Incoming) -> Frame:
    """Find what was said."""
    room = frame.number("room") if frame.has("room") else None
    before = frame.number("before") if frame.has("before") else None
    text = frame.text("text")
    if not messages.is_storable(text):
        raise Unfit("bad_text")
    return {"t": "found", **search.find(person, text, room_id=room, before=before)}


def look_up(person: Person, frame: Incoming) -> Frame:
    """What stands behind links."""
    return {"t": "unfurled", "items": unfurl.unfurl(person, frame.list("links", unfurl.LINKS))}


def level(person: Person, frame: Incoming) -> Frame:
    """Set how much of a room one is called for."""
    alerts.set_level(person, frame.number("room"), frame.text("level"))
    return {"t": "alerts", **alerts.of(person)}


def lines(person: Person, frame: Incoming) -> Frame:
    """One's own commands in a room, the newest last."""
    room = room_of(person, frame.number("room"))
    own = Line.objects.filter(author=person, room=room, text__startswith="/").order_by("-pk")[:LINES]
    return {"t": "lines", "lines": [text for text in reversed(own.values_list("text", flat=True)) if "\n" not in text]}


ASKS: Mapping[str, Callable[[Person, Incoming], Frame]] = {
    "message.edit": edit,
    "message.delete": delete,
    "search": find,
    "unfurl": look_up,
    "level": level,
    "lines": lines,
}


#: What is kept and told to all counts as a line that is said.
LASTING = frozenset(("message.edit", "message.delete"))


def answer(person: Person, frame: Incoming) -> Frame:
    """The answer to a frame of one of these types; what changes something names itself by `cid`."""
    if frame.t in LASTING:
        frame.client_id()
    elif not frame.answers_to.get("rid"):
        raise Unfit("bad_frame", field="rid")
    return {**ASKS[frame.t](person, frame), **frame.answers_to}
