"""What one client follows: the streams that its wire is given, where they stand, and what was missed of them."""

from collections.abc import Collection, Iterable, Mapping

from chatops.room import pool, streams
from chatops.room.frames import Frame
from chatops.room.hub import Hubs, hubs
from chatops.room.models import Stream
from chatops.room.streams import Head
from chatops.room.wire import Wire

#: The most streams that one client follows.
STREAMS = 200

#: The epoch and number up to which a client knows each stream.
Cursors = Mapping[Stream, tuple[str, int]]


class Following:
    """The streams that `wire` is given. Whether its person may have them is asked before, by whoever joins."""

    def __init__(self, wire: Wire) -> None:
        self.streams: set[Stream] = set()
        self._wire = wire
        self._hubs: Hubs = hubs()

    @property
    def epoch(self) -> str:
        """The life of the database that the numbers belong to."""
        return self._hubs.epoch

    async def join(self, stream: Stream) -> None:
        self.streams.add(stream)
        await self._hubs.join(stream, self._wire)

    def leave(self, stream: Stream) -> None:
        self.streams.discard(stream)
        self._hubs.leave(stream, self._wire)

    def leave_all(self) -> None:
        for stream in list(self.streams):
            self.leave(stream)

    def room_for(self, asked: Iterable[Stream]) -> list[Stream]:
        """Those of `asked` that can be followed beside what is followed already."""
        known: list[Stream] = []
        fresh: list[Stream] = []
        for stream in asked:
            (known if stream in self.streams else fresh).append(stream)
        return known + fresh[: STREAMS - len(self.streams)]

    async def heads(self, wanted: Collection[Stream], cursors: Cursors | None = None) -> dict[Stream, Head]:
        """Where streams that were joined stand. What a hub has not given out yet, it will give to this client too;
        only a client that knows of more than the hub is a reason to look at the rows."""
        heads: dict[Stream, Head] = {}
        for stream in wanted:
            hub = self._hubs.get(stream)
            _, known = (cursors or {}).get(stream, ("", 0))
            if hub is not None and hub.number is not None and known <= hub.number:
                heads[stream] = Head(hub.number, hub.floor)
        if unsure := [stream for stream in wanted if stream not in heads]:
            _, looked = await pool.run(streams.look, unsure)
            for stream, head in looked.items():
                if hub := self._hubs.get(stream):
                    hub.hear(head.number)
                heads[stream] = head
        return {stream: heads[stream] for stream in wanted}

    def resets(self, heads: Mapping[Stream, Head], cursors: Cursors) -> Iterable[Frame]:
        """A `reset` for each of `cursors` that cannot be continued."""
        for stream, (epoch, number) in cursors.items():
            if stream in heads and (reason := _why_not(heads[stream], self.epoch, epoch, number)):
                yield {"t": "reset", "s": str(stream), "reason": reason}

    async def missed(self, stream: Stream, number: int, epoch: str) -> list[bytes]:
        """The events of a followed stream after `number`, as many as one answer carries."""
        hub = self._hubs.get(stream)
        kept = hub.since(number) if hub is not None and epoch == self.epoch else None
        if kept is not None:
            return kept
        return (await pool.run(streams.burst, stream, number, streams.PAGE, epoch)).payloads

    def told(self) -> list[Frame]:
        """How far each stream has been told."""
        hubs = [hub for stream in self.streams if (hub := self._hubs.get(stream))]
        return [{"s": str(hub.stream), "e": self.epoch, "head": hub.number or 0} for hub in hubs]

    def standing(self, stream: Stream, head: Head) -> Frame:
        """Where a stream stands."""
        return {"s": str(stream), "e": self.epoch, "head": head.number, "floor": head.floor}


def _why_not(head: Head, epoch: str, known_epoch: str, known_number: int) -> str:
    """Why a client cannot go on from what it knows; "" when it can."""
    if known_epoch != epoch:
        return "epoch"
    if known_number > head.number:
        return "head"
    return "floor" if known_number < head.floor - 1 else ""
