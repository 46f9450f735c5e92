"""The set test, after Jepsen's set workload: people write and read while a nemesis breaks one part after the other.

Members of a room say lines and commands by sockets and long polls that live for a moment, to any of the web processes,
through wires that can be cut and frozen. In the end, when everything is well again, every member must have the room's
log, without a hole and in order, with every line in it once, and no command may have run twice.
"""

import asyncio
import contextlib
import json
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tests.reach.wires import Wire
from tests.room.member import Frame, Member
from tests.room.serving import Serving
from tests.waiting import eventually

#: What may go wrong with a line whose other end is killed.
GONE = (OSError, EOFError, WebSocketException, httpx.TransportError)
#: Answers after which a page sends the same once more.
PASSING = {"unavailable", "rate_limited"}
#: Somebody says something every so often.
PAUSE_S = 0.12
#: The work goes on after a fault when so many more lines were acknowledged, at the latest so long after it.
LINES, PATIENCE_S = 4, 90.0
#: A page gives up a request, or a connection that does not open, after so long.
SILENCE_S = 5.0


class Door(NamedTuple):
    """A web process, and the port of the wire that leads to it."""

    web: Serving
    port: int
    wire: Wire


class Page(Member):
    """A member on the other side of wires."""

    resend_s, fetch_s, life_s = 1.0, 1.0, (0.3, 3.0)

    def __init__(self, chance: random.Random, key: str, room: int, doors: Sequence[Door]) -> None:
        super().__init__(chance, key, room)
        self._doors = doors
        self._client = httpx.AsyncClient()

    def hear(self, frame: Frame) -> None:
        if frame["t"] != "bye" and frame.get("code") not in PASSING:
            super().hear(frame)

    async def by_socket(self, dies: float) -> None:
        door = self.chance.choice(self._doors)
        with contextlib.suppress(*GONE):
            try:
                async with connect(
                    door.web.url.replace("http", "ws", 1) + "/rt/ws", host="127.0.0.1", port=door.port,
                    origin=door.web.url, additional_headers={"Cookie": f"session={self.key}"}, proxy=None,
                    compression=None, max_size=None, open_timeout=SILENCE_S, close_timeout=0.2,
                ) as line:  # fmt: skip
                    await self._talk(line, dies)
            except InvalidStatus as refused:
                self._look_at(refused.response.status_code)
            finally:
                self.tell = None

    async def _talk(self, line: ClientConnection, dies: float) -> None:
        loop = asyncio.get_running_loop()
        outgoing: list[Frame] = [{"t": "hello", "v": 1, "client": "nemesis", **self.cursors()}]
        self.begin(outgoing.append)
        hearing = asyncio.create_task(self._listen(line))
        try:
            while (loop.time() < dies or self.is_calm) and not hearing.done():
                self.pump()
                frames, outgoing[:] = outgoing[:], []
                for frame in frames:
                    await line.send(json.dumps(frame))
                await asyncio.sleep(0.02)
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing

    async def _listen(self, line: ClientConnection) -> None:
        async for text in line:
            self.hear(json.loads(text))

    async def by_poll(self, dies: float) -> None:
        door, token = self.chance.choice(self._doors), "t" * 32
        headers = {
            "Host": door.web.url.removeprefix("http://"),
            "Origin": door.web.url,
            "Cookie": f"session={self.key}; csrf={token}",
            "X-CSRFToken": token,
        }
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{door.port}", headers=headers, trust_env=False, timeout=SILENCE_S
        )
        async with self._client:
            with contextlib.suppress(*GONE):
                await super().by_poll(dies)

    async def ask(self, path: str, question: Frame) -> list[Frame]:
        answer = await self._client.post(path, json=question)
        if answer.status_code != 200:
            self._look_at(answer.status_code)
            raise EOFError(f"{path} answered {answer.status_code}")
        frames: list[Frame] = answer.json()["frames"]
        return frames

    def _look_at(self, status: int) -> None:
        """A page may be told to come again later, and nothing else."""
        if status not in (429, 503):
            self.errors.append(f"answered {status}")


class Set:
    """What `pages` say, and what became of it."""

    def __init__(self, seed: int, pages: Sequence[Page], commands: Sequence[str] = ()) -> None:
        self.seed = seed
        self.pages = pages
        self.sent: dict[str, str] = {}
        self._chance = random.Random(seed)
        self._commands = list(commands)

    @property
    def answered(self) -> int:
        return len(self.sent) - sum(len(page.outbox) for page in self.pages)

    def say(self, text: str) -> None:
        cid = f"{self.seed}-{len(self.sent)}"
        self.sent[cid] = text
        self._chance.choice(self.pages).say(cid, text)

    async def _talk(self) -> None:
        while True:
            self.say(f"line {len(self.sent)}")
            await asyncio.sleep(PAUSE_S)

    async def play(self, faults: Sequence[Callable[[], object]], log: Callable[[], Sequence[tuple[int, str]]]) -> None:
        """Live through `faults`, one after the other, until every page has what `log` returns in the end.

        Raises:
            AssertionError: something did not come right within `PATIENCE_S`.
        """
        lives = [asyncio.create_task(page.live()) for page in self.pages]
        talking = asyncio.create_task(self._talk())
        try:
            for number, fault in enumerate(faults):
                if self._commands:
                    self.say(self._commands[number % len(self._commands)])
                await asyncio.to_thread(fault)
                wanted = self.answered + LINES
                await self._until(lambda wanted=wanted: self.answered >= wanted, f"lines go on after {fault}")
            talking.cancel()
            for page in self.pages:
                page.is_calm = True
            await self._until(lambda: not any(page.outbox for page in self.pages), "every line is answered")
            kept = list(await asyncio.to_thread(log))
            await self._until(lambda: all(len(page.applied) >= len(kept) for page in self.pages), "all have read on")
            broken = [life.exception() for life in lives if life.done()]
            assert not broken, (self.seed, broken)
        finally:
            for task in (talking, *lives):
                task.cancel()
            await asyncio.gather(talking, *lives, return_exceptions=True)

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        async def is_so() -> bool:
            return condition()

        await eventually(is_so, PATIENCE_S, f"{what} (seed {self.seed})")

    def check(self, log: Sequence[tuple[int, str]], outcomes: Mapping[str, Any]) -> list[int]:
        """Compare with the room's log (number and client id of each event) and with the outcome of each line.

        Returns:
            The deployments that were asked for, one for each command.
        """
        told = f"seed {self.seed}"
        assert outcomes.keys() == self.sent.keys(), told
        assert sorted(cid for _, cid in log if cid in self.sent) == sorted(self.sent), told
        assert [number for number, _ in log] == list(range(1, len(log) + 1)), told
        for page in self.pages:
            assert not page.errors, (told, page.errors)
            assert page.applied == log[: len(page.applied)], told
            assert {cid for _, cid in page.applied} >= self.sent.keys(), told
        asked = [outcomes[cid]["deployment"] for cid, text in self.sent.items() if text.startswith("/")]
        assert len(set(asked)) == len(asked), told
        return asked


class Nemesis:
    """What breaks on the way to the web processes, and in them, and comes back."""

    def __init__(self, seed: int, doors: Sequence[Door]) -> None:
        self.chance = random.Random(seed)
        self.doors = doors

    def faults(self) -> list[Callable[[], None]]:
        """Each of them once, in the order of chance."""
        return self.shuffled(self.cut, self.hang, self.freeze)

    def shuffled(self, *others: Callable[[], None]) -> list[Callable[[], None]]:
        """The killing of each web process, and `others`."""
        faults = [*(partial(self.kill_web, door.web) for door in self.doors), *others]
        return self.chance.sample(faults, len(faults))

    def last(self) -> None:
        """Let a fault last for a while."""
        time.sleep(self.chance.uniform(0.5, 2.0))

    def kill_web(self, web: Serving) -> None:
        assert web.process is not None
        _, port = web.address
        web.process.kill()
        web.process.wait(30)
        web.start("--port", str(port))

    def cut(self) -> None:
        self.chance.choice(self.doors).wire.cut()

    def hang(self) -> None:
        """What was on the way arrives late, and then the line is cut."""
        wire = self.chance.choice(self.doors).wire
        wire.freeze()
        self.last()
        wire.thaw()
        wire.cut()

    def freeze(self) -> None:
        process = self.chance.choice(self.doors).web.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            self.last()
        finally:
            process.send_signal(signal.SIGCONT)
