"""Fan-out under faults: rings lost, doubled and late, sockets that die at any moment, two processes on one database."""

import asyncio
import json
import random
from typing import Any

import pytest
from django.db import transaction

from chatops.room import hub, messages, pool, streams, talk
from chatops.room.hub import Hubs
from chatops.room.models import Message, Stream
from chatops.room.timeline import Timeline
from chatops.room.wire import Batch
from deploy_core.ledger import progress
from tests.room.conftest import Cast, off_loop
from tests.waiting import eventually


class Ear:
    """A wire that keeps what it is given."""

    def __init__(self) -> None:
        self.is_open = True
        self.frames: list[dict[str, Any]] = []

    def send(self, batch: Batch) -> None:
        self.frames += [json.loads(payload) for payload in batch.payloads]

    def close(self, code: int) -> None:
        self.is_open = False

    @property
    def numbers(self) -> list[int]:
        return [frame["q"] for frame in self.frames if frame["t"] == "event"]


def _say(cast: Cast, n: int) -> None:
    messages.post(author=cast.alice, room=cast.room, text=f"line {n}", client_id=f"c{n}", surface="web")


async def test_what_gathers_during_a_flush_goes_out_together(cast: Cast):
    hubs, ear = Hubs(), Ear()
    sizes: list[int] = []
    ear.send = lambda batch: sizes.append(len(batch.payloads))  # type: ignore[method-assign]
    await hubs.join(cast.stream, ear)
    for n in range(20):
        await off_loop(_say, cast, n)

    hubs.hear(cast.stream, 20)
    await eventually(lambda: _as_async(sum(sizes) == 20))

    assert sizes == [20]
    await hubs.close()


async def test_what_was_taken_back_is_not_given_out_again_as_it_was(cast: Cast):
    hubs, ear = Hubs(), Ear()
    await hubs.join(cast.stream, ear)
    await off_loop(_say, cast, 1)
    hubs.hear(cast.stream, 1)
    await eventually(lambda: _as_async(ear.numbers == [1]))
    ours = hubs.get(cast.stream)
    assert ours is not None
    kept = ours.since(0)

    message = await off_loop(Message.objects.get)
    await off_loop(talk.delete, cast.alice, cast.room, message.pk)
    hubs.hear(cast.stream, 2)
    await eventually(lambda: _as_async(ear.numbers == [1, 2]))

    assert (len(kept or ()), ours.since(0), len(ours.since(1) or ())) == (1, None, 1)
    await hubs.close()


async def _as_async(value: bool) -> bool:
    return value


async def test_only_the_newest_progress_of_a_step_is_sent_and_nothing_is_stored(cast: Cast):
    hubs, ear = Hubs(), Ear()
    stream = Stream("room", cast.room.pk)
    await hubs.join(stream, ear)
    ours = hubs.get(stream)
    assert ours is not None
    ours._next_flush = hubs.loop.time() + 10  # a flush was just now: what comes waits

    for done in (1, 2, 3):
        ours.tell_progress({"stage:web-1": {"done": done, "total": 9}})
    ours.tell_progress({"stage:web-2": {"done": 1, "total": 9}})
    ours.flush()

    (frame,) = ear.frames
    assert frame["steps"] == {"stage:web-1": {"done": 3, "total": 9}, "stage:web-2": {"done": 1, "total": 9}}
    await hubs.close()


async def test_what_a_step_says_in_a_thread_reaches_who_follows_its_deployment(cast: Cast):
    ear = Ear()
    stream = Stream("room", cast.room.pk)  # any stream will do, and this one has somebody to follow it
    await hub.hubs().join(stream, ear)

    sent = {"sender": None, "stream": str(stream), "key": "stage:web-1", "done": 3, "total": 9}
    await asyncio.to_thread(progress.told.send, **sent)
    await eventually(lambda: _as_async(bool(ear.frames)))

    assert ear.frames == [{"t": "progress", "s": str(stream), "steps": {"stage:web-1": {"done": 3, "total": 9}}}]
    await hub.hubs().close()


async def test_a_wire_that_closed_is_let_go_and_an_empty_hub_with_it(cast: Cast):
    hubs, ear = Hubs(), Ear()
    await hubs.join(cast.stream, ear)
    ear.is_open = False

    hubs.tell_heads()

    assert hubs.get(cast.stream) is None
    await hubs.close()


async def test_a_join_that_fails_leaves_no_hub_behind(cast: Cast, monkeypatch):
    hubs = Hubs()

    def broken(_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(streams, "look", broken)
        answers = await asyncio.gather(*(hubs.join(cast.stream, Ear()) for _ in range(2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ZeroDivisionError] * 2

    ear = Ear()
    await hubs.join(cast.stream, ear)
    await off_loop(_say, cast, 1)
    hubs.hear(cast.stream, 1)
    await eventually(lambda: _as_async(ear.numbers == [1]))
    await hubs.close()


async def test_a_read_that_fails_is_made_good_by_the_next_tick(cast: Cast, monkeypatch, caplog):
    hubs, ear = Hubs(), Ear()
    await hubs.join(cast.stream, ear)
    await off_loop(_say, cast, 1)
    with monkeypatch.context() as patch:
        patch.setattr(streams, "burst", lambda *_: 1 / 0)
        hubs.hear(cast.stream, 1)
        await eventually(lambda: _as_async("could not read" in caplog.text))

    await hubs.heal()

    await eventually(lambda: _as_async(ear.numbers == [1]))
    await hubs.close()


# --- the fault model --------------------------------------------------------------------------------------------------


class Reader:
    """The page's rule (docs/room-protocol.md): apply cursor + 1, keep what is ahead, fetch what is missing."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.cursor = self.head = 0
        self.applied: list[int] = []
        self._ahead: set[int] = set()

    def offer(self, numbers: list[int]) -> None:
        self._ahead.update(number for number in numbers if number > self.cursor)
        while self.cursor + 1 in self._ahead:
            self.cursor += 1
            self.applied.append(self.cursor)
        self._ahead = {number for number in self._ahead if number > self.cursor}
        self.head = max([self.head, self.cursor, *self._ahead])

    async def catch_up(self) -> None:
        while self.head > self.cursor:
            page = await pool.run(streams.page, self.stream, after=self.cursor, limit=7)
            self.offer([event["q"] for event in page["events"]])
            self.head = max(self.head, page["head"])


class Line:
    """A reader's connection to one process, until it breaks; frames may be lost in the moment it does."""

    def __init__(self, reader: Reader, hubs: Hubs) -> None:
        self.reader = reader
        self.hubs = hubs
        self.is_open = True

    def send(self, batch: Batch) -> None:
        for frame in map(json.loads, batch.payloads):
            if not self.is_open:
                return
            if frame["t"] == "event":
                self.reader.offer([frame["q"]])
            elif frame["t"] == "head":
                self.reader.head = max(self.reader.head, frame["streams"][0]["head"])

    def close(self, code: int) -> None:
        self.is_open = False

    async def open(self) -> None:
        stream = self.reader.stream
        await self.hubs.join(stream, self)
        heads = await pool.run(streams.heads, [stream])
        self.reader.head = max(self.reader.head, heads[stream].number)

    def die(self) -> None:
        self.is_open = False
        self.hubs.leave(self.reader.stream, self)


@pytest.mark.parametrize("seed", [1, 7, 42, 1999])
async def test_every_reader_ends_with_every_event_once_in_order_whatever_is_lost(cast: Cast, seed, settings):
    settings.HUB_TICK_S, settings.HEARTBEAT_S = 0.03, 0.06
    chance = random.Random(seed)
    processes = [Hubs(), Hubs()]
    readers = [Reader(cast.stream) for _ in range(4)]
    lines = [Line(reader, chance.choice(processes)) for reader in readers]
    sent = {f"c{n}": f"line {n}" for n in range(30)}

    def ring(number: int) -> None:
        for hubs in processes:
            for _ in range(chance.choice([0, 1, 1, 1, 2])):  # lost, rung once, doubled
                hubs.loop.call_later(chance.random() * 0.02, hubs.hear, cast.stream, number - chance.choice([0, 0, 1]))

    def post(cid: str) -> int:
        outcome = messages.post(author=cast.alice, room=cast.room, text=sent[cid], client_id=cid, surface="web")
        assert outcome["q"] is not None
        return outcome["q"]

    for line in lines:
        await line.open()
    for cid in sent:
        for _ in range(chance.choice([1, 1, 2])):  # the answer was lost: sent again
            ring(await off_loop(post, cid))
        if chance.random() < 0.3:
            index = chance.randrange(len(lines))
            lines[index].die()
            lines[index] = Line(readers[index], chance.choice(processes))
            await lines[index].open()
        if chance.random() < 0.3:
            await chance.choice(readers).catch_up()

    async def is_done() -> bool:
        for reader in readers:
            await reader.catch_up()
        return all(reader.cursor == len(sent) for reader in readers)

    await eventually(is_done)

    assert [reader.applied for reader in readers] == [list(range(1, len(sent) + 1))] * len(readers)
    assert await off_loop(Message.objects.count) == len(sent)
    for hubs in processes:
        await hubs.close()


async def test_a_transaction_that_is_taken_back_leaves_no_hole(cast: Cast):
    def half() -> None:
        with transaction.atomic():
            timeline = Timeline()
            timeline.dismiss(cast.alice, 1)
            timeline.write()
            transaction.set_rollback(True)

    await off_loop(half)
    await off_loop(_say, cast, 1)

    heads = await pool.run(streams.heads, [cast.stream, Stream("person", cast.alice.pk)])
    assert [head.number for head in heads.values()] == [1, 0]
