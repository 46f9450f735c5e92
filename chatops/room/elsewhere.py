"""What other processes see of a stream and nobody stores: who is in a room, who types, who watches a deployment.

Each process says its whole picture of a stream when it changes and with every heartbeat. A picture of which nothing is
heard any more fades, and whoever opens a stream asks the others for theirs. Lost, doubled or late, it does not matter.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from chatops.room.hub import Hubs
from chatops.room.models import Stream

#: One picture: people by id, whatever is said of each. It travels as JSON.
Picture = dict[int, Any]
#: After so many heartbeats without a word a process is gone.
SILENT_HEARTBEATS = 2.5


class Elsewhere:
    """The pictures of one `kind`, of streams `of` one kind, on one event loop.

    `own` gives this process's; `changed` hears that another has a new one.
    """

    def __init__(
        self, hubs: Hubs, kind: str, of: str, own: Callable[[Stream], Picture], changed: Callable[[Stream], None]
    ) -> None:
        self._hubs = hubs
        self._kind = kind
        self._of = of
        self._own = own
        self._changed = changed
        self._heard: dict[Stream, dict[str, tuple[float, Picture]]] = {}
        self._said: set[Stream] = set()
        hubs.heed(kind, self._hear, opened=self._ask, beat=self._beat)

    def say(self, stream: Stream, *, ask: bool = False) -> None:
        """Tell the other processes what this one sees."""
        picture = self._own(stream)
        if picture:
            self._said.add(stream)
        else:
            self._said.discard(stream)
        self._hubs.tell_elsewhere(stream, self._kind, {"ask": ask, "picture": list(picture.items())})

    def pictures(self, stream: Stream) -> Iterable[Picture]:
        """What the others saw last."""
        return [picture for _, picture in self._heard.get(stream, {}).values()]

    def _ask(self, stream: Stream) -> None:
        if stream.kind == self._of:
            self.say(stream, ask=True)

    def _hear(self, stream: Stream, process: str, what: Any) -> None:
        if stream.kind != self._of or self._hubs.get(stream) is None:
            return
        there = self._heard.setdefault(stream, {})
        before = there.pop(process, (0.0, {}))[1]
        picture = {int(person): said for person, said in what["picture"]}
        if picture:
            there[process] = self._hubs.loop.time(), picture
        if picture != before:
            self._changed(stream)
        if what["ask"] and self._own(stream):
            self.say(stream)

    def _beat(self) -> None:
        """Say again what is so, and forget who says nothing."""
        for stream in list(self._said):
            self.say(stream)
        oldest = self._hubs.loop.time() - SILENT_HEARTBEATS * settings.HEARTBEAT_S
        for stream, there in list(self._heard.items()):
            silent = [process for process, (at, _) in there.items() if at < oldest]
            for process in silent:
                del there[process]
            if self._hubs.get(stream) is None or not there:
                del self._heard[stream]
            if silent:
                self._changed(stream)
