"""Who is in a room now, and who types: never stored, told to whoever follows the room, in all processes."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from chatops.room.elsewhere import Elsewhere, Picture
from chatops.room.frames import Frame
from chatops.room.hub import Hubs, hubs
from chatops.room.loops import PerLoop
from chatops.room.models import Stream

#: Who comes and goes within so long is told together.
GATHER_S = 0.1
_MORE_PRESENT = {"idle": 0, "here": 1}


@dataclass(slots=True)
class _Attendance:
    """One person in one room, as this process knows: each of their pages, and whether it can be seen."""

    name: str
    pages: dict[Hashable, bool] = field(default_factory=dict)
    leaving: asyncio.TimerHandle | None = None
    #: Between two pages (a reload, the next poll) they are as they were last.
    last: str = "here"

    @property
    def state(self) -> str:
        if not self.pages:
            return self.last
        return "here" if any(self.pages.values()) else "idle"


class Presence:
    """The people of each room. A person who reloads the page is not gone: leaving is told a moment later."""

    def __init__(self, hubs: Hubs) -> None:
        self._hubs = hubs
        self._rooms: dict[int, dict[int, _Attendance]] = {}
        self._typing: dict[int, dict[int, tuple[str, asyncio.TimerHandle]]] = {}
        self._told: dict[int, dict[int, Frame]] = {}
        self._told_typing: dict[int, dict[int, str]] = {}
        self._updates: dict[int, asyncio.TimerHandle] = {}
        self._typing_updates: dict[int, asyncio.TimerHandle] = {}
        self._elsewhere = Elsewhere(hubs, "people", "room", self._present, lambda stream: self._changed(stream.id))
        self._typing_elsewhere = Elsewhere(
            hubs, "typing", "room", self._typists, lambda stream: self._typing_changed(stream.id)
        )

    def people(self, room: int) -> list[dict[str, Any]]:
        """Who is present, by name. May be asked from any thread."""
        return sorted(self._told.get(room, {}).values(), key=lambda person: str(person["name"]))

    # --- coming and going -----------------------------------------------------------------------------------------

    def enter(self, room: int, person: int, name: str, page: Hashable, *, is_visible: bool = True) -> None:
        """A page of the person shows the room."""
        one = self._rooms.setdefault(room, {}).setdefault(person, _Attendance(name))
        if one.leaving is not None:
            one.leaving.cancel()
            one.leaving = None
        one.pages[page] = is_visible
        self._changed(room, is_own=True)

    def leave(self, room: int, person: int, page: Hashable, *, linger_s: float | None = None) -> None:
        """A page is gone; with the last one the person is, unless they come back within `linger_s`."""
        one = self._rooms.get(room, {}).get(person)
        if one is None or page not in one.pages:
            return
        one.last = one.state
        del one.pages[page]
        if one.pages:
            self._changed(room, is_own=True)
        else:
            linger_s = settings.PRESENCE_LINGER_S if linger_s is None else linger_s
            one.leaving = self._hubs.loop.call_later(linger_s, self._gone, room, person)
        self.typing(room, person, one.name, is_on=False)

    def _gone(self, room: int, person: int) -> None:
        del self._rooms[room][person]
        if not self._rooms[room]:
            del self._rooms[room]
        self._changed(room, is_own=True)

    def _present(self, stream: Stream) -> Picture:
        """Who is in a room by this process: their name and state."""
        return {pk: [one.name, one.state] for pk, one in self._rooms.get(stream.id, {}).items()}

    def _changed(self, room: int, *, is_own: bool = False) -> None:
        """Somebody came or went: told now, or, shortly after another was, together with whoever else does."""
        if room not in self._updates:
            self._update(room, is_own)
            self._updates[room] = self._hubs.loop.call_later(GATHER_S, self._update_late, room)

    def _update_late(self, room: int) -> None:
        del self._updates[room]
        self._update(room, is_own=True)

    def _update(self, room: int, is_own: bool) -> None:
        stream = Stream("room", room)
        before, now = self._told.get(room, {}), self._everybody(stream)
        changes = [person for pk, person in now.items() if before.get(pk) != person]
        changes += [{**person, "state": "gone"} for pk, person in before.items() if pk not in now]
        if not changes:
            return
        if now:
            self._told[room] = now
        else:
            del self._told[room]
        self._send(room, {"t": "presence", "room": room, "people": changes})
        if is_own:
            self._elsewhere.say(stream)

    def _everybody(self, stream: Stream) -> dict[int, Frame]:
        """Who is in a room by any process: whoever is here in one is here."""
        found: dict[int, Frame] = {}
        for picture in (self._present(stream), *self._elsewhere.pictures(stream)):
            for pk, (name, state) in picture.items():
                if pk not in found or _MORE_PRESENT[state] > _MORE_PRESENT[found[pk]["state"]]:
                    found[pk] = {"id": pk, "name": name, "state": state}
        return found

    # --- typing ---------------------------------------------------------------------------------------------------

    def typing(self, room: int, person: int, name: str, *, is_on: bool) -> None:
        """The person types, or has stopped; without another word they have stopped after `TYPING_S`."""
        typists = self._typing.setdefault(room, {})
        known = typists.pop(person, None)
        if known is not None:
            known[1].cancel()
        if is_on:
            stop = self._hubs.loop.call_later(settings.TYPING_S, self._stop_typing, room, person, name)
            typists[person] = (name, stop)
        if not typists:
            del self._typing[room]
        if is_on != (known is not None):
            self._typing_changed(room)

    def _stop_typing(self, room: int, person: int, name: str) -> None:
        self.typing(room, person, name, is_on=False)

    def _typing_changed(self, room: int) -> None:
        """Told now, or, shortly after another change was, together with others: whoever types and stops does not
        have a frame sent to everybody each time."""
        if room not in self._typing_updates:
            self._tell_typing(room)
            self._typing_updates[room] = self._hubs.loop.call_later(GATHER_S, self._tell_typing_late, room)

    def _tell_typing_late(self, room: int) -> None:
        del self._typing_updates[room]
        self._tell_typing(room)

    def _typists(self, stream: Stream) -> Picture:
        return {pk: name for pk, (name, _) in self._typing.get(stream.id, {}).items()}

    def _tell_typing(self, room: int) -> None:
        stream = Stream("room", room)
        typists: dict[int, str] = self._typists(stream)
        for picture in self._typing_elsewhere.pictures(stream):
            typists |= picture
        if typists != self._told_typing.pop(room, {}):
            people = [{"id": pk, "name": name} for pk, name in typists.items()]
            self._send(room, {"t": "typing", "room": room, "people": people})
            self._typing_elsewhere.say(stream)
        if typists:
            self._told_typing[room] = typists

    def _send(self, room: int, frame: Frame) -> None:
        if hub := self._hubs.get(Stream("room", room)):
            hub.tell(frame)


_presence: PerLoop[Presence] = PerLoop(lambda: Presence(hubs()))


def presence() -> Presence:
    """Who is in which room, as the running loop knows."""
    return _presence.here()


def presence_now(room: int) -> list[dict[str, Any]]:
    """Who is in a room, from any thread."""
    found: dict[int, dict[str, Any]] = {}
    for _, there in _presence.everywhere():
        found |= {person["id"]: person for person in there.people(room)}
    return list(found.values())
