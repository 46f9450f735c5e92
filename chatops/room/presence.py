"""Who is in a room now, and who types: known to this process only, never stored, told to whoever follows the room."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from chatops.room.hub import Hubs
from chatops.room.models import Stream


@dataclass(slots=True)
class _Attendance:
    """One person in one room: each of their pages, and whether it can be seen."""

    name: str
    pages: dict[Hashable, bool] = field(default_factory=dict)
    told: str = "gone"
    leaving: asyncio.TimerHandle | None = None

    @property
    def state(self) -> str:
        return "here" if any(self.pages.values()) else "idle"


class Presence:
    """The people of each room. A person who reloads the page is not gone: leaving is told a moment later."""

    def __init__(self, hubs: Hubs) -> None:
        self._hubs = hubs
        self._rooms: dict[int, dict[int, _Attendance]] = {}
        self._typing: dict[int, dict[int, tuple[str, asyncio.TimerHandle]]] = {}

    def people(self, room: int) -> list[dict[str, Any]]:
        """Who is present, by name. May be asked from any thread."""
        present = list(self._rooms.get(room, {}).items())  # one step: nobody comes or goes during it
        people = [{"id": pk, "name": one.name, "state": one.told} for pk, one in present if one.told != "gone"]
        return sorted(people, key=lambda person: str(person["name"]))

    def enter(self, room: int, person: int, name: str, page: Hashable, *, is_visible: bool = True) -> None:
        """A page of the person shows the room."""
        one = self._rooms.setdefault(room, {}).setdefault(person, _Attendance(name))
        if one.leaving is not None:
            one.leaving.cancel()
            one.leaving = None
        one.pages[page] = is_visible
        self._tell(room, person, one, one.state)

    def leave(self, room: int, person: int, page: Hashable, *, linger_s: float | None = None) -> None:
        """A page is gone; with the last one the person is, unless they come back within `linger_s`."""
        one = self._rooms.get(room, {}).get(person)
        if one is None or page not in one.pages:
            return
        del one.pages[page]
        if one.pages:
            self._tell(room, person, one, one.state)
        else:
            linger_s = settings.PRESENCE_LINGER_S if linger_s is None else linger_s
            one.leaving = self._hubs.loop.call_later(linger_s, self._gone, room, person)
        self.typing(room, person, one.name, is_on=False)

    def _gone(self, room: int, person: int) -> None:
        one = self._rooms[room].pop(person)
        self._tell(room, person, one, "gone")

    def _tell(self, room: int, person: int, one: _Attendance, state: str) -> None:
        if state != one.told:
            one.told = state
            change = {"id": person, "name": one.name, "state": state}
            self._send(room, {"t": "presence", "room": room, "people": [change]})

    def typing(self, room: int, person: int, name: str, *, is_on: bool) -> None:
        """The person types, or has stopped; without another word they have stopped after `TYPING_S`."""
        typists = self._typing.setdefault(room, {})
        known = typists.pop(person, None)
        if known is not None:
            known[1].cancel()
        if is_on:
            stop = self._hubs.loop.call_later(settings.TYPING_S, self._stop_typing, room, person, name)
            typists[person] = (name, stop)
        if is_on != (known is not None):
            people = [{"id": pk, "name": typist} for pk, (typist, _) in typists.items()]
            self._send(room, {"t": "typing", "room": room, "people": people})

    def _stop_typing(self, room: int, person: int, name: str) -> None:
        self.typing(room, person, name, is_on=False)

    def _send(self, room: int, frame: dict[str, Any]) -> None:
        if hub := self._hubs.get(Stream("room", room)):
            hub.tell(frame)
