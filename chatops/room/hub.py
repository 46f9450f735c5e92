"""Fan-out: one hub per process and open stream hands every event, in order and once, to the wires that follow it.

The rows are the truth. Whoever commits an event rings (`ring`, from any thread); between processes a ring says only
`(stream, number)`, and the hub reads what it has not delivered yet, one range query per burst. Within a process
`deliver` brings the events themselves. Rings may be
lost, doubled or forged: a ticker compares every open stream with its head once a second and reads the rest.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings

from chatops.room import frames, pool, streams
from chatops.room.crowd import Crowd
from chatops.room.doorbell import EVERYBODY, Doorbell, LoneBell, shared_layer
from chatops.room.frames import Frame
from chatops.room.loops import PerLoop
from chatops.room.models import Stream
from chatops.room.streams import Head
from chatops.room.wire import Batch, Wire

#: Rows that one range query reads.
BURST = 200
#: A flush of several events is followed by a pause as long as itself, at most this; what gathers meanwhile goes out as
#: one write. One event alone makes nobody wait.
LONGEST_PAUSE_S = 0.1
#: What is in an event that tells of a message that was edited or deleted, as it travels.
_CHANGES = b'"k":"message.'

logger = logging.getLogger(__name__)


class Hub:
    """One stream in this process: `number` is the newest event that its members were given, None before it began."""

    def __init__(self, hubs: "Hubs", stream: Stream) -> None:
        self.stream = stream
        self.number: int | None = None
        self.floor = 1
        self.members = Crowd()
        self.beginning: asyncio.Task[None] | None = None
        self._hubs = hubs
        self._heard = 0
        self._rings = 0
        self._filling: asyncio.Task[None] | None = None
        self._pending: list[bytes] = []
        self._recent: deque[bytes] = deque()
        self._recent_bytes = 0
        self._progress: dict[str, Mapping[str, Any]] = {}
        self._flush_later: asyncio.TimerHandle | None = None
        self._next_flush = 0.0

    def begin(self, head: Head) -> None:
        """Members have the events up to the head from elsewhere; all later ones come from here."""
        self.number, self.floor = head
        self.hear(head.number)

    def begin_anew(self, number: int, reason: str) -> None:
        """The stream is another one now: members drop what they have and take a snapshot."""
        self.tell({"t": "reset", "s": str(self.stream), "reason": reason}, is_volatile=False)
        self.number = self._heard = number
        self._forget()

    def hear(self, number: int) -> None:
        """There are events up to `number`; those not delivered yet are read and delivered."""
        self._heard = max(self._heard, number)
        self._rings += 1
        if self.number is not None and self._heard > self.number and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._fill(self.number))

    def take(self, events: Sequence[Frame]) -> None:
        """Events as their writer has them: given on without a read if they are the very next ones."""
        is_reading = self._filling is not None and not self._filling.done()
        if self.number is not None and not is_reading and events[0]["q"] == self.number + 1:
            self.number = events[-1]["q"]
            self._heard = max(self._heard, self.number)
            self._give([frames.encode({**event, "e": self._hubs.epoch}) for event in events])
        self.hear(events[-1]["q"])

    async def _fill(self, delivered: int) -> None:
        while self.members and self._heard > delivered:
            rings = self._rings
            try:
                burst = await pool.run(streams.burst, self.stream, delivered, BURST, self._hubs.epoch)
            except Exception:
                logger.exception("could not read %s after %d; the ticker tries again", self.stream, delivered)
                return
            if self.number != delivered:
                return  # the stream began anew meanwhile
            if burst.payloads:
                self.number = delivered = burst.number
                self._give(burst.payloads)
            elif self._rings == rings:
                self._heard = delivered  # a ring for nothing; one that came meanwhile may be for something

    def since(self, number: int) -> list[bytes] | None:
        """The events after `number` up to the hub's own, if they are kept here; None: they must be read."""
        missing = (self.number or 0) - number
        if self.stream.kind == "log" or not 0 <= missing <= len(self._recent):
            return None
        return list(self._recent)[len(self._recent) - missing :]

    def _give(self, payloads: list[bytes]) -> None:
        """Send events, and keep the newest for whoever comes a moment later."""
        if any(_CHANGES in payload for payload in payloads):
            self._forget()  # an older event says something else now; it is read again
        self._recent.extend(payloads)
        self._recent_bytes += sum(map(len, payloads))
        while self._recent_bytes > streams.PAGE_BYTES:
            self._recent_bytes -= len(self._recent.popleft())
        self._offer(payloads)

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0

    def _offer(self, payloads: list[bytes]) -> None:
        self._pending += payloads
        if self._flush_later is None:
            pause_s = self._next_flush - self._hubs.loop.time()
            if pause_s > 0:
                self._flush_later = self._hubs.loop.call_later(pause_s, self.flush)
            else:
                self.flush()

    def flush(self) -> None:
        """Send what gathered."""
        if self._flush_later is not None:
            self._flush_later.cancel()
            self._flush_later = None
        began = self._hubs.loop.time()
        has_gathered = len(self._pending) > 1 or bool(self._progress)
        if self._pending:
            self.members.send(Batch(self._pending))
            self._pending = []
        if self._progress:
            told = {"t": "progress", "s": str(self.stream), "steps": self._progress}
            self.members.send(Batch([frames.encode(told)], is_volatile=True))
            self._progress = {}
        ended = self._hubs.loop.time()
        self._next_flush = ended + min(ended - began, LONGEST_PAUSE_S) if has_gathered else 0.0

    def tell(self, frame: Frame, *, is_volatile: bool = True) -> None:
        """Send a frame that is no event, behind the events so far. A volatile one is dropped where a reader lags."""
        self.flush()
        self.members.send(Batch([frames.encode(frame)], is_volatile=is_volatile))

    def tell_progress(self, steps: Mapping[str, Mapping[str, Any]]) -> None:
        """How far steps are: only the newest of each within a flush is sent."""
        self._progress.update(steps)
        self._offer([])


class Hubs:
    """Every open hub of one event loop, with its ticker. All methods run on that loop."""

    def __init__(self, layer: Any = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.epoch = ""
        self._open: dict[Stream, Hub] = {}
        self._doorbell = Doorbell(layer, self.hear, self._heed)
        self._heeders: dict[str, Callable[[Stream, str, Any], None]] = {}
        self._openers: list[Callable[[Stream], None]] = []
        self._beaters: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tick and to listen; joining does it too."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._tick()), *self._doorbell.start()]

    async def close(self) -> None:
        """Stop everything; members keep their wires."""
        tasks, self._tasks, self._open = self._tasks, [], {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def heed(
        self,
        kind: str,
        act: Callable[[Stream, str, Any], None],
        *,
        opened: Callable[[Stream], None] | None = None,
        beat: Callable[[], None] | None = None,
    ) -> None:
        """Have `act` called with whatever other processes tell of this kind: the stream, the process, what.

        `opened` is called with each stream that is followed here from now on, `beat` with every heartbeat.
        """
        self._heeders[kind] = act
        self._openers += [opened] if opened else []
        self._beaters += [beat] if beat else []

    def tell_elsewhere(self, stream: Stream, kind: str, what: Any, *, about: str = "") -> None:
        """Tell the processes that follow `stream` something that is not stored; JSON. Of several words of a kind that
        are about the same, the others may hear only the newest."""
        self._doorbell.tell(stream, kind, what, about=about)

    def _heed(self, stream: Stream, kind: str, process: str, what: Any) -> None:
        if act := self._heeders.get(kind):
            act(stream, process, what)

    async def join(self, stream: Stream, wire: Wire) -> None:
        """Give `wire` every event of `stream` from now on. Read the head after this, not before: nothing is missed."""
        self.start()
        hub = self._open.get(stream)
        if hub is None:
            hub = self._open[stream] = Hub(self, stream)
            hub.beginning = asyncio.create_task(self._begin(hub))
        hub.members.add(wire)
        if hub.beginning is not None:
            await asyncio.shield(hub.beginning)

    async def _begin(self, hub: Hub) -> None:
        try:
            await self._doorbell.join(hub.stream)
            self.epoch, heads = await pool.run(streams.look, [hub.stream])
        except BaseException:
            self._open.pop(hub.stream, None)
            raise
        hub.begin(heads[hub.stream])
        hub.beginning = None
        for opened in self._openers:
            opened(hub.stream)

    def leave(self, stream: Stream, wire: Wire) -> None:
        """`wire` gets nothing more of `stream`."""
        if hub := self._open.get(stream):
            hub.members.discard(wire)
            self._close_if_empty(hub)

    def _close_if_empty(self, hub: Hub) -> None:
        if not hub.members and hub.beginning is None and self._open.get(hub.stream) is hub:
            del self._open[hub.stream]
            self._doorbell.leave(hub.stream)

    def get(self, stream: Stream) -> Hub | None:
        """The stream's hub, if anybody here follows it."""
        return self._open.get(stream)

    def ring(self, stream: Stream, number: int) -> None:
        """An event was committed by this process: deliver it here first, then tell the others."""
        self.hear(stream, number)
        self.start()
        self._doorbell.ring(stream, number)

    def deliver(self, stream: Stream, events: Sequence[Frame]) -> None:
        """Like `ring`, by whoever has the events themselves: they need not be read."""
        if hub := self._open.get(stream):
            hub.take(events)
        self.start()
        self._doorbell.ring(stream, events[-1]["q"])

    def hear(self, stream: Stream, number: int) -> None:
        """An event was committed somewhere."""
        if hub := self._open.get(stream):
            hub.hear(number)

    async def _tick(self) -> None:
        next_heads = self.loop.time() + settings.HEARTBEAT_S
        while True:
            await asyncio.sleep(settings.HUB_TICK_SUSPECT_S if self._doorbell.is_suspect else settings.HUB_TICK_S)
            try:
                await self.heal()
                await self._doorbell.mend(list(self._open))
            except Exception:
                logger.exception("a tick over %d streams failed", len(self._open))
            if self.loop.time() >= next_heads:
                next_heads = self.loop.time() + settings.HEARTBEAT_S
                self.tell_heads()
                for beat in self._beaters:
                    beat()

    async def heal(self) -> None:
        """Compare every open stream with its head, by one query, and deliver what no ring told of."""
        delivered = {stream: hub.number for stream, hub in self._open.items() if hub.number is not None}
        if not delivered:
            return
        epoch, heads = await pool.run(streams.look, list(delivered))
        is_same_life = epoch == self.epoch
        self.epoch = epoch
        for stream, head in heads.items():
            hub = self._open.get(stream)
            if hub is None:
                continue
            hub.floor = head.floor
            if is_same_life and head.number >= delivered[stream]:
                hub.hear(head.number)
            else:
                hub.begin_anew(head.number, "head" if is_same_life else "epoch")

    def tell_heads(self) -> None:
        """Tell every member how far its stream is, so that it asks for what it missed."""
        for hub in list(self._open.values()):
            if hub.number is not None:
                told = {"s": str(hub.stream), "e": self.epoch, "head": hub.number}
                hub.tell({"t": "head", "streams": [told]})
            self._close_if_empty(hub)


_hubs: PerLoop[Hubs] = PerLoop(lambda: Hubs(shared_layer()))
_lone_bell = LoneBell()


def hubs() -> Hubs:
    """The running loop's hubs."""
    return _hubs.here()


def ring(stream: Stream | str, number: int) -> None:
    """Say that `stream` has events up to `number`. From any thread, after commit; it never waits.

    Raises:
        ValueError: that names no stream.
    """
    named = stream if isinstance(stream, Stream) else Stream.parse(stream)
    if named is None:
        raise ValueError(f"no stream {stream!r}")
    if not _hubs.tell(lambda here: here.ring(named, number)):
        _lone_bell.ring(named, number)


def deliver(stream: Stream, events: Sequence[Frame]) -> None:
    """`ring` for events that this process has just committed, all that follow one another; "e" is filled in here."""
    if not _hubs.tell(lambda here: here.deliver(stream, events)):
        _lone_bell.ring(stream, events[-1]["q"])


def tell_all_processes(kind: str, what: Any, *, about: str) -> None:
    """Tell every other process something that is not stored; JSON. From any thread."""
    if not _hubs.tell(lambda here: here.tell_elsewhere(EVERYBODY, kind, what, about=about)):
        _lone_bell.tell(EVERYBODY, kind, what)


def tell_progress(stream: Stream, steps: Mapping[str, Mapping[str, Any]]) -> None:
    """Say how far the steps of a deployment are, to whoever follows it in this process. From any thread."""

    def tell(here: Hubs) -> None:
        if found := here.get(stream):
            found.tell_progress(steps)

    _hubs.tell(tell)
