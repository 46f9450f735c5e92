"""How far a person has read a room: told to all their pages, in all processes. What is kept is in the membership."""

from typing import Any

from chatops.room.hub import Hubs, hubs
from chatops.room.loops import PerLoop
from chatops.room.models import Stream


class Reading:
    """The pages that one event loop tells; those that follow their person's stream."""

    def __init__(self, hubs: Hubs) -> None:
        self._hubs = hubs
        hubs.heed("read", lambda stream, _, what: self._tell_here(stream, what))

    def tell(self, person: int, room: int, number: int) -> None:
        """The person has read the room's events up to `number`."""
        stream, told = Stream("person", person), {"room": room, "q": number}
        self._tell_here(stream, told)
        self._hubs.tell_elsewhere(stream, "read", told, about=str(room))

    def _tell_here(self, stream: Stream, told: Any) -> None:
        if own := self._hubs.get(stream):
            own.tell({"t": "read", "room": told["room"], "q": told["q"]})


_reading: PerLoop[Reading] = PerLoop(lambda: Reading(hubs()))


def reading() -> Reading:
    """The running loop's."""
    return _reading.here()
