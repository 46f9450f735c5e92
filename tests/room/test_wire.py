"""Bytes to sockets: the same for both wires, and a reader that does not keep up costs nobody else."""

import asyncio
import socket

import pytest

from chatops.room import wire
from chatops.room.wire import EXTENSION, Batch, DirectWire, PlainWire
from tests.room.ends import Protocol, Sent, Transport


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frame_has_the_head_of_its_size(size, head):
    frame = wire.text_frame(b"x" * size)

    assert frame == head + b"x" * size


def test_bytes_are_made_once_for_all_sockets():
    batch = Batch([b"one", b"two"])

    assert batch.on_the_wire == wire.text_frame(b"one") + wire.text_frame(b"two")


class Stranger:
    """Another server's socket."""

    STATE_OPEN = state = 3

    def __init__(self, transport: object) -> None:
        self.transport = transport


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield Transport(ours), theirs


async def _soon() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_bytes_go_straight_to_an_idle_socket(line):
    transport, theirs = line

    DirectWire(Protocol(transport), Sent()).send(Batch([b"hello"]))

    assert theirs.recv(100) == wire.text_frame(b"hello")
    assert transport.later == b""


async def test_what_the_socket_does_not_take_is_left_to_twisted_in_order(line):
    transport, theirs = line
    direct = DirectWire(Protocol(transport), Sent())
    batches = [Batch([bytes([65 + n]) * 100_000]) for n in range(8)]

    for batch in batches:
        direct.send(batch)

    theirs.setblocking(False)
    taken = b""
    try:
        while data := theirs.recv(1 << 20):
            taken += data
    except BlockingIOError:
        pass
    assert transport.later
    assert taken + transport.later == b"".join(batch.on_the_wire for batch in batches)


async def test_a_reader_far_behind_is_hung_up_on(line, settings):
    settings.BACKLOG_LIMIT_BYTES = 1000
    transport, _ = line
    direct = DirectWire(Protocol(transport), Sent())
    transport._tempDataLen = 1001

    direct.send(Batch([b"one more"]))

    assert transport.is_aborted
    assert not direct.is_open


async def test_what_is_not_stored_is_not_sent_to_a_reader_behind(line):
    transport, _ = line
    direct = DirectWire(Protocol(transport), Sent())
    transport._tempDataLen = wire.VOLATILE_LIMIT_BYTES + 1

    direct.send(Batch([b"typing"], is_volatile=True))
    direct.send(Batch([b"event"]))

    assert transport.later == wire.text_frame(b"event")


async def test_what_somebody_else_writes_comes_before_what_is_sent_after_it(line):
    transport, theirs = line
    protocol = Protocol(transport)
    direct = DirectWire(protocol, Sent())
    direct.send(Batch([b"first"]))

    transport.write(b"a ping")
    protocol.wire.is_clear = False  # as chatops.server does with whatever it writes
    direct.send(Batch([b"second"]))
    transport.later, transport._tempDataLen = b"", 0
    direct.send(Batch([b"third"]))
    protocol.state = 2  # it said goodbye
    protocol.wire.is_clear = False
    direct.send(Batch([b"never"]))

    assert theirs.recv(100) == wire.text_frame(b"first") + wire.text_frame(b"third")


async def test_a_socket_that_broke_is_twisteds_to_notice(line):
    transport, theirs = line
    theirs.close()
    direct = DirectWire(Protocol(transport), Sent())

    for _ in range(3):
        direct.send(Batch([b"hello"]))

    assert transport.later == b""


async def test_both_wires_close_after_what_was_sent(line):
    transport, theirs = line
    sent, plain_sent = Sent(), Sent()
    direct, plain = DirectWire(Protocol(transport), sent), PlainWire(plain_sent)

    for each in (direct, plain):
        each.send(Batch([b"last"]))
        each.close(4401)
        each.send(Batch([b"after"]))
        each.close(4400)
    await _soon()

    assert theirs.recv(100) == wire.text_frame(b"last")
    assert sent.texts == [4401]
    assert plain_sent.texts == ["last", 4401]


async def test_a_plain_wire_keeps_its_order_behind_a_slow_server():
    sent = Sent()
    sent.may_go_on.clear()
    plain = PlainWire(sent)
    for n in range(5):
        plain.send(Batch([f"{n}".encode(), f"{n}+".encode()]))
    await _soon()

    sent.may_go_on.set()
    await _soon()

    assert sent.texts == ["0", "0+", "1", "1+", "2", "2+", "3", "3+", "4", "4+"]


async def test_a_plain_wire_far_behind_is_closed_without_the_rest(settings):
    settings.BACKLOG_LIMIT_BYTES = 10
    sent = Sent()
    sent.may_go_on.clear()
    plain = PlainWire(sent)
    for text in (b"first", b"x" * 20, b"never"):
        plain.send(Batch([text]))
        await _soon()

    sent.may_go_on.set()
    await _soon()

    assert sent.texts == ["first", wire.SLOW_READER]
    assert not plain.is_open


async def test_a_plain_wire_ends_with_its_connection():
    sent = Sent()
    sent.error = ConnectionResetError()
    plain = PlainWire(sent)

    plain.send(Batch([b"hello"]))
    await _soon()

    assert not plain.is_open


async def test_the_fast_way_is_taken_only_where_all_it_needs_is_there(line, settings):
    transport, _ = line
    open_protocol = Protocol(transport)

    def kind(protocol: object | None) -> type:
        scope = {"extensions": {EXTENSION: protocol}} if protocol else {}
        return type(wire.for_socket(scope, Sent()))

    assert kind(open_protocol) is DirectWire
    assert kind(None) is PlainWire
    assert kind(Protocol(object())) is PlainWire  # TLS stands before the transport
    assert kind(Stranger(transport)) is PlainWire  # it would not say what else it writes
    transport.TLS = True
    assert kind(open_protocol) is PlainWire
    transport.TLS = False
    del transport._tempDataLen
    assert kind(open_protocol) is PlainWire  # another Twisted
    transport._tempDataLen = 0
    settings.FORCE_PLAIN_WIRE = True
    assert kind(open_protocol) is PlainWire
