"""The way to other processes over the channel layer: rings, and what is worth telling but not storing.

A ring says `(stream, number)` and nothing else: whoever forges one causes one read of rows. A telling is a picture of
who is where, or asks to look at somebody's session again; a forged one shows a false name, and gives nobody anything.

A layer that is away is never felt: it is told of in the log, `is_suspect` makes the ticker look more often, and
everything is joined again once it takes a message.
"""

import asyncio
import atexit
import logging
import secrets
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from django.conf import settings

from chatops.room.models import Stream

TIMEOUT_S = 2.0
#: Nobody's stream, which no client can name. Every process is in its group: what is told of it is told to all.
EVERYBODY = Stream("person", 0)

logger = logging.getLogger(__name__)


def group(stream: Stream) -> str:
    """The name of a stream's group in the channel layer."""
    return f"s.{stream.kind}.{stream.id}"


def shared_layer() -> Any:
    """The channel layer, unless it ends at this process: then there is nobody to tell."""
    layer = get_channel_layer()
    return None if isinstance(layer, InMemoryChannelLayer) else layer


async def publish(layer: Any, stream: Stream, number: int) -> None:
    """Ring for one event."""
    ring = {"type": "ring", "stream": str(stream), "number": number}
    await asyncio.wait_for(layer.group_send(group(stream), ring), TIMEOUT_S)


async def tell(layer: Any, stream: Stream, kind: str, process: str, what: Any) -> None:
    """Tell one thing that is not stored."""
    told = {"type": "told", "stream": str(stream), "kind": kind, "of": process, "what": what}
    await asyncio.wait_for(layer.group_send(group(stream), told), TIMEOUT_S)


class Doorbell:
    """One loop's place in the layer: one channel, in the group of each open stream. `layer` None: nobody to tell."""

    def __init__(
        self,
        layer: Any,
        hear: Callable[[Stream, int], None],
        heed: Callable[[Stream, str, str, Any], None] = lambda *_: None,
    ) -> None:
        self.is_suspect = False
        self._name = secrets.token_hex(4)
        self._heed = heed
        self._tellings: dict[tuple[Stream, str, str], Any] = {}
        self._layer = layer
        self._hear = hear
        self._channel = ""
        self._making = asyncio.Lock()
        self._joined: set[Stream] = set()
        self._waiting: dict[Stream, int] = {}
        self._has_waiting = asyncio.Event()
        self._leaving: dict[Stream, asyncio.Task[None]] = {}

    def start(self) -> list[asyncio.Task[None]]:
        """Listen and publish, until the tasks are cancelled."""
        if self._layer is None:
            return []
        return [asyncio.create_task(work) for work in (self._listen(), self._publish(), self.join(EVERYBODY))]

    def ring(self, stream: Stream, number: int) -> None:
        """Publish soon; of several numbers of one stream only the newest."""
        if self._layer is not None:
            self._waiting[stream] = max(number, self._waiting.get(stream, 0))
            self._has_waiting.set()

    def tell(self, stream: Stream, kind: str, what: Any, *, about: str = "") -> None:
        """Tell the others soon; of several of one kind and stream (and `about` the same) only the newest."""
        if self._layer is not None:
            self._tellings[stream, kind, about] = what
            self._has_waiting.set()

    async def join(self, stream: Stream) -> None:
        """Hear the rings for `stream`."""
        if self._layer is None:
            return
        if leaving := self._leaving.get(stream):
            await asyncio.wait((leaving,))  # else its end would be the end of what is joined here
        try:
            await asyncio.wait_for(self._layer.group_add(group(stream), await self._own_channel()), TIMEOUT_S)
            self._joined.add(stream)
        except Exception as error:
            self._suspect(error)

    def leave(self, stream: Stream) -> None:
        """Hear them no more."""
        if stream in self._joined:
            self._joined.discard(stream)
            self._leaving[stream] = asyncio.create_task(self._leave(stream))

    async def mend(self, streams: list[Stream]) -> None:
        """While suspect: join those of `streams` that could not be joined, and see whether the layer answers."""
        if not self.is_suspect:
            return
        streams = [EVERYBODY, *streams]
        for stream in streams:
            if stream not in self._joined:
                await self.join(stream)
        try:
            await publish(self._layer, EVERYBODY, 0)
        except Exception as error:
            logger.debug("the channel layer is still away: %r", error)
        else:
            # It may have come back between a join that failed and this answer: then the next tick joins.
            self.is_suspect = any(stream not in self._joined for stream in streams)
            if not self.is_suspect:
                logger.warning("the channel layer is back")

    async def _own_channel(self) -> str:
        async with self._making:  # listening and the first join ask at the same moment
            if not self._channel:
                self._channel = await self._layer.new_channel()
        return self._channel

    async def _leave(self, stream: Stream) -> None:
        try:
            await asyncio.wait_for(self._layer.group_discard(group(stream), self._channel), TIMEOUT_S)
        except Exception as error:
            self._suspect(error)
        finally:
            del self._leaving[stream]

    async def _listen(self) -> None:
        while True:
            try:
                event = await self._layer.receive(await self._own_channel())
            except Exception as error:
                self._suspect(error)
                await asyncio.sleep(settings.HUB_TICK_SUSPECT_S)
                continue
            try:
                self._take(event)
            except Exception:
                logger.exception("could not make sense of %r", event)

    def _take(self, event: dict[str, Any]) -> None:
        name, number = event.get("stream"), event.get("number")
        stream = EVERYBODY if name == str(EVERYBODY) else Stream.parse(name)
        if stream is None:
            return
        if event["type"] == "told" and event["of"] != self._name:
            self._heed(stream, event["kind"], event["of"], event["what"])
        elif isinstance(number, int):
            self._hear(stream, number)

    async def _publish(self) -> None:
        while True:
            await self._has_waiting.wait()
            self._has_waiting.clear()
            rings, self._waiting = self._waiting, {}
            tellings, self._tellings = self._tellings, {}
            try:
                for stream, number in rings.items():
                    await publish(self._layer, stream, number)
                for (stream, kind, _), what in tellings.items():
                    await tell(self._layer, stream, kind, self._name, what)
            except Exception as error:
                self._suspect(error)  # the ticker of each process finds the rows; the next heartbeat tells again

    def _suspect(self, error: Exception) -> None:
        if not self.is_suspect:
            logger.warning("the channel layer does not answer; looking at the rows more often: %r", error)
        self.is_suspect = True


class LoneBell:
    """Rings from a process without hubs (a worker, a command): one thread with a loop and a layer of its own."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._layer: Any = None

    def ring(self, stream: Stream, number: int) -> None:
        """Publish from any thread, without waiting."""
        if shared_layer() is None:
            return  # nobody else hears an in-memory layer; the server's ticker finds the row
        self._soon(lambda: publish(self._layer, stream, number), stream)

    def tell(self, stream: Stream, kind: str, what: Any) -> None:
        """Tell from any thread, without waiting."""
        if shared_layer() is not None:
            self._soon(lambda: tell(self._layer, stream, kind, "", what), stream)

    def _soon(self, say: Callable[[], Coroutine[Any, Any, None]], stream: Stream) -> None:
        asyncio.run_coroutine_threadsafe(self._say(say, stream), self._running())

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._layer = channel_layers.make_backend("default")
                threading.Thread(target=self._loop.run_forever, name="room-bell", daemon=True).start()
                atexit.register(self._finish, self._loop)
            return self._loop

    async def _say(self, say: Callable[[], Coroutine[Any, Any, None]], stream: Stream) -> None:
        try:
            await say()
        except Exception as error:
            logger.warning("could not ring for %s: %r", stream, error)

    def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let what was rung last leave the process."""
        try:
            asyncio.run_coroutine_threadsafe(_others(), loop).result(TIMEOUT_S)
        except TimeoutError:
            logger.warning("ended before everything was rung")


async def _others() -> None:
    me = asyncio.current_task()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not me), return_exceptions=True)
