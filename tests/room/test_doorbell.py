"""Rings between processes, over a real Redis, and what happens while it is away."""

import asyncio

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer

from chatops.room import doorbell, messages
from chatops.room.doorbell import Doorbell, LoneBell
from chatops.room.hub import Hubs
from chatops.room.models import Stream
from chatops.room.reading import Reading
from tests.room.conftest import Cast, off_loop
from tests.room.test_hub import Ear, _as_async
from tests.waiting import eventually


@pytest.fixture
async def layers(redis_url):
    """A channel layer per process."""
    made = [RedisPubSubChannelLayer(hosts=[redis_url]) for _ in range(2)]
    yield made
    for layer in made:
        await layer.flush()


async def test_a_line_stored_by_one_process_is_delivered_by_another(cast: Cast, layers, settings):
    settings.HUB_TICK_S = 60  # only the ring can tell
    here, there = (Hubs(layer) for layer in layers)
    ear = Ear()
    await there.join(cast.stream, ear)

    def post() -> None:
        messages.post(author=cast.alice, room=cast.room, text="hello", client_id="c1", surface="web")

    await off_loop(post)
    here.ring(cast.stream, 1)

    await eventually(lambda: _as_async(ear.numbers == [1]))
    await asyncio.gather(here.close(), there.close())


async def test_a_process_without_a_server_rings_too(layers, settings, redis_url, monkeypatch):
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis_url]}}
    }
    heard: list[tuple[Stream, int]] = []
    bell = Doorbell(layers[0], lambda stream, number: heard.append((stream, number)))
    tasks = bell.start()
    await bell.join(Stream("room", 7))

    await asyncio.to_thread(LoneBell().ring, Stream("room", 7), 3)

    await eventually(lambda: _as_async(heard == [(Stream("room", 7), 3)]))
    for task in tasks:
        task.cancel()


async def test_more_rings_than_the_layer_keeps_for_a_process_that_stands_still_leave_no_hole(
    cast: Cast, layers, settings, monkeypatch
):
    settings.HUB_TICK_S = 60  # only rings can tell
    here, there = (Hubs(layer) for layer in layers)
    goes_on, receive = asyncio.Event(), layers[1].receive

    async def held(channel: str) -> dict[str, object]:
        await goes_on.wait()
        got: dict[str, object] = await receive(channel)
        return got

    monkeypatch.setattr(layers[1], "receive", held)
    ear, lines = Ear(), 150
    await there.join(cast.stream, ear)

    def post(n: int) -> None:
        messages.post(author=cast.alice, room=cast.room, text=f"line {n}", client_id=f"c{n}", surface="web")

    for n in range(1, lines + 1):
        await off_loop(post, n)
        await doorbell.publish(layers[0], cast.stream, n)  # each by itself: the layer keeps a hundred
    assert ear.numbers == []
    goes_on.set()
    await eventually(lambda: _as_async(len(ear.numbers) >= 100))
    await off_loop(post, lines + 1)
    here.ring(cast.stream, lines + 1)

    await eventually(lambda: _as_async(ear.numbers == list(range(1, lines + 2))))
    await asyncio.gather(here.close(), there.close())


class Away:
    """A layer whose server does not answer, until it does."""

    def __init__(self) -> None:
        self.is_away = True
        self.joined: list[str] = []
        self.rung: list[str] = []

    async def new_channel(self) -> str:
        return "specific.test!1"

    async def group_add(self, group: str, channel: str) -> None:
        self._answer()
        self.joined.append(group)

    async def group_send(self, group: str, message: dict[str, object]) -> None:
        self._answer()
        self.rung.append(group)

    async def receive(self, channel: str) -> dict[str, object]:
        self._answer()
        await asyncio.Event().wait()
        return {}

    def _answer(self) -> None:
        if self.is_away:
            raise ConnectionError


async def test_a_layer_that_is_away_is_not_felt_and_is_joined_when_it_is_back(cast: Cast, settings, caplog):
    settings.HUB_TICK_S = settings.HUB_TICK_SUSPECT_S = 0.02
    layer = Away()
    hubs, ear = Hubs(layer), Ear()

    await hubs.join(cast.stream, ear)
    messages_before = len(caplog.records)

    def post() -> None:
        messages.post(author=cast.alice, room=cast.room, text="hello", client_id="c1", surface="web")

    await off_loop(post)
    await eventually(lambda: _as_async(ear.numbers == [1]))  # by the ticker
    layer.is_away = False
    await eventually(lambda: _as_async(doorbell.group(cast.stream) in layer.joined))
    hubs.ring(cast.stream, 1)
    await eventually(lambda: _as_async(doorbell.group(cast.stream) in layer.rung))

    told = [record.getMessage() for record in caplog.records if record.name == "chatops.room.doorbell"]
    assert [line.split(";")[0] for line in told] == [
        "the channel layer does not answer", "the channel layer is back",
    ]  # fmt: skip
    assert messages_before >= 1
    await hubs.close()


async def test_a_layer_that_comes_back_while_it_is_mended_is_joined_all_the_same():
    layer = Away()
    bell, stream = doorbell.Doorbell(layer, lambda stream, number: None), Stream("room", 1)
    await bell.join(stream)

    async def back_after_the_join(group: str, channel: str) -> None:
        layer.is_away = False
        raise ConnectionError

    refuse, layer.group_add = layer.group_add, back_after_the_join
    await bell.mend([stream])
    assert bell.is_suspect
    layer.group_add = refuse
    await bell.mend([stream])

    assert not bell.is_suspect
    assert layer.joined == [doorbell.group(doorbell.EVERYBODY), doorbell.group(stream)]


class Slow(Away):
    """A layer in which leaving takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.may_leave = asyncio.Event()

    async def group_discard(self, group: str, channel: str) -> None:
        await self.may_leave.wait()
        self.joined.remove(group)


async def test_who_comes_back_while_they_leave_is_there_in_the_end():
    layer, stream = Slow(), Stream("room", 1)
    bell = doorbell.Doorbell(layer, lambda stream, number: None)
    await bell.join(stream)

    bell.leave(stream)
    back = asyncio.create_task(bell.join(stream))
    await asyncio.sleep(0)
    layer.may_leave.set()
    await back

    assert layer.joined == [doorbell.group(stream)]


async def test_what_is_told_to_all_reaches_a_process_that_follows_nothing(layers):
    here, there = (Hubs(layer) for layer in layers)
    heard: list[object] = []
    there.heed("look", lambda stream, process, what: heard.append(what))
    there.start()
    here.start()

    async def tell() -> bool:
        here.tell_elsewhere(doorbell.EVERYBODY, "look", {"person": 7, "ended": ""}, about="7 ")
        return bool(heard)

    await eventually(tell)

    assert heard[0] == {"person": 7, "ended": ""}
    await asyncio.gather(here.close(), there.close())


async def test_what_is_read_here_is_told_there_room_by_room(cast: Cast, layers):
    here, there = (Hubs(layer) for layer in layers)
    readings, ear = [Reading(hubs) for hubs in (here, there)], Ear()
    await there.join(Stream("person", cast.bob.pk), ear)
    here.start()

    for room in (7, 8):
        readings[0].tell(cast.bob.pk, room, 3)

    def told() -> list[int]:
        return sorted(frame["room"] for frame in ear.frames if frame["t"] == "read")

    await eventually(lambda: _as_async(told() == [7, 8]))
    await asyncio.gather(here.close(), there.close())


def test_an_in_memory_layer_ends_at_this_process():
    assert doorbell.shared_layer() is None
    LoneBell().ring(Stream("room", 1), 1)  # and starts no thread for it
