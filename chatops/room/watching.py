"""Who has a deployment open just now: never stored, told to whoever follows it, in all processes."""

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


@dataclass(slots=True)
class _Watcher:
    """One person at one deployment, and the pages that show it to them."""

    name: str
    pages: set[Hashable] = field(default_factory=set)
    leaving: asyncio.TimerHandle | None = None


class Watchers:
    """The people at each deployment. Who reloads the page has not gone: leaving is told a moment later."""

    def __init__(self, hubs: Hubs) -> None:
        self._hubs = hubs
        self._at: dict[int, dict[int, _Watcher]] = {}
        self._where: dict[Hashable, int] = {}
        self._elsewhere = Elsewhere(hubs, "watching", "deployment", self._here, lambda stream: self._show(stream.id))

    def look(self, page: Hashable, person: int, name: str, deployment: int | None) -> None:
        """A page of the person shows `deployment` now, and no other; None: none at all."""
        before = self._where.get(page)
        if before == deployment:
            return
        if before is not None:
            self.leave(page, person, linger_s=0)
        if deployment is None:
            return
        self._where[page] = deployment
        there = self._at.setdefault(deployment, {})
        is_new = person not in there
        watcher = there.setdefault(person, _Watcher(name))
        watcher.pages.add(page)
        if watcher.leaving is not None:
            watcher.leaving.cancel()
            watcher.leaving = None
        if is_new:
            self._tell(deployment)

    def is_at(self, page: Hashable, deployment: int) -> bool:
        """Whether that is what the page shows."""
        return self._where.get(page) == deployment

    def leave(self, page: Hashable, person: int, *, linger_s: float | None = None) -> None:
        """The page is gone, or shows something else."""
        deployment = self._where.pop(page, None)
        watcher = self._at.get(deployment, {}).get(person) if deployment is not None else None
        if deployment is None or watcher is None:
            return
        watcher.pages.discard(page)
        if not watcher.pages and watcher.leaving is None:
            linger_s = settings.PRESENCE_LINGER_S if linger_s is None else linger_s
            watcher.leaving = self._hubs.loop.call_later(linger_s, self._gone, deployment, person)

    def _gone(self, deployment: int, person: int) -> None:
        there = self._at[deployment]
        if there[person].pages:
            return
        del there[person]
        if not there:
            del self._at[deployment]
        self._tell(deployment)

    def frame(self, deployment: int) -> Frame | None:
        """What a newcomer is told; None when nobody watches."""
        told = self._frame(deployment)
        return told if told["people"] else None

    def _frame(self, deployment: int) -> Frame:
        stream = Stream("deployment", deployment)
        there: Picture = self._here(stream)
        for picture in self._elsewhere.pictures(stream):
            there = picture | there
        people: list[dict[str, Any]] = [{"id": person, "name": name} for person, name in there.items()]
        return {"t": "watching", "s": str(stream), "people": people}

    def _here(self, stream: Stream) -> Picture:
        return {person: watcher.name for person, watcher in self._at.get(stream.id, {}).items()}

    def _tell(self, deployment: int) -> None:
        self._show(deployment)
        self._elsewhere.say(Stream("deployment", deployment))

    def _show(self, deployment: int) -> None:
        if hub := self._hubs.get(Stream("deployment", deployment)):
            hub.tell(self._frame(deployment))


_watchers: PerLoop[Watchers] = PerLoop(lambda: Watchers(hubs()))


def watchers() -> Watchers:
    """The running loop's watchers."""
    return _watchers.here()
