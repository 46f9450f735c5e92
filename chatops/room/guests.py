"""Everybody who is connected to this process, and whether they still may be.

A session that ended, a person who was deactivated, a membership or grant that was taken away: whoever does it tells
all processes to look (`look_at`), and each looks at everybody every `RECHECK_S`, by a few queries for all together.
That is for words that got lost; what was asked before a word came is asked again after it.
"""

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Collection
from typing import NamedTuple, Protocol

from django.conf import settings

from chatops.room import access, door, hub, pool
from chatops.room.door import Identity
from chatops.room.hub import Hubs, hubs
from chatops.room.loops import PerLoop
from chatops.room.models import Membership, Stream

SESSION_ENDED = 4401

logger = logging.getLogger(__name__)


class Guest(Protocol):
    """One connection."""

    identity: Identity
    #: A socket; else one request of the long poll.
    is_lasting: bool

    @property
    def following(self) -> Collection[Stream]:
        """What it is given."""

    def end(self, code: int) -> None:
        """Say goodbye and close."""

    def lose(self, stream: Stream) -> None:
        """Stop giving it `stream`, and say so."""


class Window:
    """At most `limit` acts in any `window_s` seconds."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._window_s = window_s
        self._acts: deque[float] = deque(maxlen=limit)

    def take(self) -> int:
        """Count one act and return 0; or count nothing and return the milliseconds until there is room for one."""
        now = time.monotonic()
        if len(self._acts) == self._acts.maxlen and (free := self._acts[0] + self._window_s) > now:
            return int((free - now) * 1000) + 1
        self._acts.append(now)
        return 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing counts any more."""
        return not self._acts or self._acts[-1] + self._window_s < time.monotonic()


class _Vouched(NamedTuple):
    identity: Identity
    streams: set[Stream]
    until: float


class Guests:
    """The connections of one event loop."""

    def __init__(self, hubs: Hubs) -> None:
        self._guests: set[Guest] = set()
        self._of: dict[int, set[Guest]] = {}
        self._lines: dict[int, Window] = {}
        self._asks: dict[int, Window] = {}
        #: What was found true at the last look, by session: whose it is, and what they may follow.
        self._vouched: dict[str, _Vouched] = {}
        #: Counts the words that somebody's rights may be others now: an answer from before such a word is not believed.
        self.words = 0
        self._checking: asyncio.Task[None] | None = None
        self._looking: set[asyncio.Task[None]] = set()
        hubs.heed("look", lambda _stream, _process, what: self.look_at(what["person"], what["ended"]))

    def add(self, guest: Guest) -> None:
        """Look after `guest` until it is discarded."""
        self._guests.add(guest)
        self._of.setdefault(guest.identity.person_id, set()).add(guest)
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._keep_checking())

    def discard(self, guest: Guest) -> None:
        self._guests.discard(guest)
        own = self._of.get(guest.identity.person_id, set())
        own.discard(guest)
        if not own:
            self._of.pop(guest.identity.person_id, None)

    @property
    def total(self) -> int:
        """How many connections there are."""
        return len(self._guests)

    def count(self, person_id: int, *, lasting: bool) -> int:
        """How many sockets, or else requests of the long poll, a person has open."""
        return sum(guest.is_lasting == lasting for guest in self._of.get(person_id, ()))

    def take_line(self, person_id: int) -> int:
        """Whether the person may send one more line, over all their pages: 0, or the milliseconds to wait."""
        window = self._lines.get(person_id)
        if window is None:
            window = self._lines[person_id] = Window(settings.SEND_RATE, settings.SEND_RATE_WINDOW_S)
        return window.take()

    def take_ask(self, person_id: int) -> int:
        """The same for anything else that they ask for."""
        window = self._asks.get(person_id)
        if window is None:
            window = self._asks[person_id] = Window(settings.ASK_RATE, settings.SEND_RATE_WINDOW_S)
        return window.take()

    def known(self, key: str) -> Identity | None:
        """Whose session `key` is, if that was looked at less than `RECHECK_S` ago."""
        found = self._vouched.get(key)
        return found.identity if found and found.until > time.monotonic() else None

    def seen_by(self, identity: Identity, asked: Collection[Stream]) -> list[Stream] | None:
        """Those of `asked` that the person may follow; None when it was not looked at a moment ago."""
        found = self._vouched.get(identity.session_key)
        if found is None or found.until <= time.monotonic() or not found.streams.issuperset(asked):
            return None
        return list(asked)

    def vouch(self, identity: Identity, streams: Collection[Stream], *, asked_at: int) -> None:
        """It was just now seen that `identity` is true, and that its person may follow `streams`; `words` was
        `asked_at` when that was asked."""
        if asked_at != self.words:
            return
        found = self._vouched.get(identity.session_key)
        now = time.monotonic()
        if found is not None and found.until > now:
            found.streams.update(streams)  # no longer than what was seen first
        else:
            self._vouched[identity.session_key] = _Vouched(identity, set(streams), now + settings.RECHECK_S)

    def end_session(self, key: str) -> None:
        """Close whatever was opened with this session."""
        self._vouched.pop(key, None)
        for guest in list(self._guests):
            if guest.identity.session_key == key:
                guest.end(SESSION_ENDED)

    def end_all(self, code: int) -> None:
        """Close everything: the server goes away."""
        for guest in list(self._guests):
            guest.end(code)

    def look_at(self, person_id: int | None, ended: str = "") -> None:
        """Something about a person (None: about many) may have changed: look at all that they have open.

        `ended`: the digest of a session that is no more.
        """
        self.words += 1
        for key, vouched in list(self._vouched.items()):
            if person_id in (None, vouched.identity.person_id):
                del self._vouched[key]
        theirs = list(self._guests if person_id is None else self._of.get(person_id, ()))
        for guest in theirs:
            if ended and digest(guest.identity.session_key) == ended:
                guest.end(SESSION_ENDED)
        task = asyncio.create_task(self._look(theirs))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def look_again(self, guest: Guest, *, asked_at: int) -> None:
        """Take from `guest` what it began to follow on an answer that was older than the newest word."""
        while asked_at != self.words:
            asked_at = self.words
            await self._recheck([guest])

    async def _look(self, guests: list[Guest]) -> None:
        try:
            await self._recheck(guests)
        except Exception:
            logger.exception("could not look at %d guests; the next recheck does", len(guests))

    async def _keep_checking(self) -> None:
        while self._guests:
            await asyncio.sleep(settings.RECHECK_S)
            try:
                await self.recheck()
            except Exception:
                logger.exception("could not look at the sessions of %d guests", len(self._guests))

    async def recheck(self) -> None:
        """Close and cut what is not allowed any more."""
        self._lines = {pk: window for pk, window in self._lines.items() if not window.is_idle}
        self._asks = {pk: window for pk, window in self._asks.items() if not window.is_idle}
        self._vouched = {}
        await self._recheck(list(self._guests))

    async def _recheck(self, guests: list[Guest]) -> None:
        asked_at = self.words
        asked = [(guest.identity, tuple(guest.following)) for guest in guests]
        for guest, (_, following), lost in zip(guests, asked, await pool.run(_lost, asked), strict=True):
            if lost is None:
                guest.end(SESSION_ENDED)
            else:
                self.vouch(guest.identity, set(following).difference(lost), asked_at=asked_at)
                for stream in lost:
                    guest.lose(stream)


def _lost(asked: list[tuple[Identity, tuple[Stream, ...]]]) -> list[tuple[Stream, ...] | None]:
    """For each of `asked`: the streams it may not follow any more; None when it may not be here at all."""
    valid = door.people_of(identity for identity, _ in asked)
    people = {person.pk: person for person in valid.values()}
    memberships = set(Membership.objects.filter(person__in=people).values_list("person_id", "room_id"))
    seen: dict[tuple[int, Stream], bool] = {}

    def may_see(person_id: int, stream: Stream) -> bool:
        if stream.kind == "room":
            return (person_id, stream.id) in memberships
        if (person_id, stream) not in seen:
            seen[person_id, stream] = access.may_see(people[person_id], stream)
        return seen[person_id, stream]

    return [
        tuple(stream for stream in following if not may_see(identity.person_id, stream)) if identity in valid else None
        for identity, following in asked
    ]


_guests: PerLoop[Guests] = PerLoop(lambda: Guests(hubs()))


def guests() -> Guests:
    """The running loop's guests."""
    return _guests.here()


def digest(key: str) -> str:
    """What other processes are told of a session, which is nobody's to read."""
    return hashlib.sha256(key.encode()).hexdigest()


def session_ended(key: str, person_id: int | None = None) -> None:
    """A session was ended by this process, and is the person's, if that is known; from any thread."""
    _guests.tell(lambda here: here.end_session(key))
    _tell_others(person_id, digest(key))


def look_at(person_id: int | None) -> None:
    """What a person (None: many) may see, or whether they may be here, was changed: look now, in all processes.

    From any thread.
    """
    _guests.tell(lambda here: here.look_at(person_id))
    _tell_others(person_id)


def _tell_others(person_id: int | None, ended: str = "") -> None:
    hub.tell_all_processes("look", {"person": person_id, "ended": ended}, about=f"{person_id} {ended}")
