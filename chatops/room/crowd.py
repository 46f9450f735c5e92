"""The wires that follow one stream, told the same."""

from collections.abc import Iterator

from chatops.room import fan
from chatops.room.fan import Fan
from chatops.room.wire import Batch, DirectWire, Wire

#: From so many sockets on they are told by one system call.
MANY = 16


class Crowd:
    """Wires, in no order; those that are closed leave by themselves."""

    def __init__(self) -> None:
        self._wires: set[Wire] = set()
        self._fan: Fan | None = None
        self._fanned: list[DirectWire] = []

    def __len__(self) -> int:
        return len(self._wires)

    def __iter__(self) -> Iterator[Wire]:
        return iter(self._wires)

    def add(self, wire: Wire) -> None:
        self._wires.add(wire)
        self._fan = None

    def discard(self, wire: Wire) -> None:
        self._wires.discard(wire)
        self._fan = None

    def send(self, batch: Batch) -> None:
        """Send to all."""
        if len(self._wires) >= MANY and fan.available():
            self._send_to_many(batch)
        else:
            for wire in self._wires:
                wire.send(batch)
        if gone := [wire for wire in self._wires if not wire.is_open]:
            self._wires.difference_update(gone)
            self._fan = None

    def _send_to_many(self, batch: Batch) -> None:
        if self._fan is None:
            self._fanned = [wire for wire in self._wires if isinstance(wire, DirectWire)]
            self._fan = Fan([wire.socket for wire in self._fanned])
        stale = set(self._fan.stale())
        others = [n for n, wire in enumerate(self._fanned) if not wire.is_clear or n in stale]
        for place, result in self._fan.write(batch.on_the_wire, others):
            self._fanned[place].took(batch.on_the_wire, result)
        for place in others:
            self._fanned[place].send(batch)
        if len(self._fanned) < len(self._wires):
            for wire in self._wires.difference(self._fanned):
                wire.send(batch)
