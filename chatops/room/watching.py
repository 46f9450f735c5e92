"""Who has a deployment open just now: known to this process only, never stored, told to whoever follows it."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

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
        return self._frame(deployment) if self._at.get(deployment) else None

    def _frame(self, deployment: int) -> Frame:
        there = self._at.get(deployment, {})
        people: list[dict[str, Any]] = [{"id": person, "name": watcher.name} for person, watcher in there.items()]
        return {"t": "watching", "s": f"deployment:{deployment}", "people": people}

    def _tell(self, deployment: int) -> None:
        if hub := self._hubs.get(Stream("deployment", deployment)):
            hub.tell(self._frame(deployment))


_watchers: PerLoop[Watchers] = PerLoop(lambda: Watchers(hubs()))


def watchers() -> Watchers:
    """The running loop's watchers."""
    return _watchers.here()
