"""What is told to many: each of them has it, in order, whatever becomes of the others."""

import contextlib
import socket

import pytest

from chatops.room import crowd, fan
from chatops.room.crowd import Crowd
from chatops.room.wire import Batch, DirectWire, PlainWire, text_frame
from tests.room.ends import Protocol, Sent, Transport

COUNT = crowd.MANY + 4


@pytest.fixture(params=["by one call", "one by one"])
def members(request, monkeypatch):
    """Wires of a crowd, each with its other end; once with the system call, where there is one, once without."""
    if request.param == "one by one":
        monkeypatch.setattr(fan, "available", lambda: False)
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(COUNT):
            ours, theirs = map(stack.enter_context, socket.socketpair())
            ours.setblocking(False)
            theirs.setblocking(False)
            found.append((DirectWire(Protocol(Transport(ours)), Sent()), theirs))
        yield found


def told(theirs):
    """What came until now."""
    found = b""
    with contextlib.suppress(BlockingIOError):
        while data := theirs.recv(1 << 20):
            found += data
    return found


def everybody(members):
    found = Crowd()
    for wire, _ in members:
        found.add(wire)
    return found


async def test_all_are_told_the_same_in_order(members):
    here = everybody(members)

    here.send(Batch([b"one"]))
    here.send(Batch([b"two", b"three"]))

    assert {told(theirs) for _, theirs in members} == {text_frame(b"one") + text_frame(b"two") + text_frame(b"three")}


async def test_what_a_reader_does_not_take_waits_for_it_and_the_others_go_on(members):
    here = everybody(members)
    slow, theirs = members[7]
    batches = [Batch([bytes([65 + n]) * 100_000]) for n in range(8)]

    for batch in batches:
        here.send(batch)
        for _, other in members[:7] + members[8:]:
            assert told(other) == batch.on_the_wire

    later = slow._transport.later
    assert later
    assert told(theirs) + later == b"".join(batch.on_the_wire for batch in batches)


async def test_nobody_is_told_what_was_meant_for_one_whose_socket_had_that_number(members):
    here = everybody(members)
    here.send(Batch([b"one"]))
    gone, _ = members[3]
    number = gone.socket.fileno()
    gone.socket.close()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        assert number in (ours.fileno(), theirs.fileno())

        here.send(Batch([b"two"]))

        assert told(theirs) == b""
        ours.setblocking(False)
        assert told(ours) == b""
    assert told(members[4][1]) == text_frame(b"one") + text_frame(b"two")


async def test_one_whose_connection_broke_takes_nobody_with_it(members):
    here = everybody(members)
    members[0][1].close()
    members[9][1].close()

    for n in range(3):
        here.send(Batch([b"%d" % n]))

    assert {told(theirs) for n, (_, theirs) in enumerate(members) if n not in (0, 9)} == {
        b"".join(text_frame(b"%d" % n) for n in range(3))
    }


async def test_whoever_comes_goes_or_is_closed_is_counted_right(members):
    here = everybody(members[:-1])
    here.send(Batch([b"one"]))
    here.discard(members[0][0])
    here.add(members[-1][0])
    members[1][0].is_open = members[1][0].is_clear = False
    plain = Sent()
    here.add(PlainWire(plain))

    here.send(Batch([b"two"]))

    assert [told(theirs) for _, theirs in members[:2]] == [text_frame(b"one")] * 2
    assert told(members[2][1]) == text_frame(b"one") + text_frame(b"two")
    assert told(members[-1][1]) == text_frame(b"two")
    assert members[1][0] not in list(here)
    assert len(here) == COUNT - 1
