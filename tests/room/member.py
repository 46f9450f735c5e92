"""A page's end of a room by the rules of docs/room-protocol.md, without a browser: what is shown, and what waits."""

import asyncio
import contextlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

Frame = dict[str, Any]
ACK_LOST, ANSWER_LOST, BY_POLL = 0.2, 0.1, 0.5


class Member(ABC):
    """Answers are lost on it, its connections die, and each new one is a socket or a long poll, as `chance` has it.

    `without` takes one of the rules away: then something goes wrong.
    """

    resend_s, fetch_s = 0.25, 0.3
    #: A connection lives so long while it is not calm.
    life_s = (0.05, 0.5)

    def __init__(self, chance: random.Random, key: str, room: int, without: str = "") -> None:
        self.chance = chance
        self.key = key
        self.room, self.stream = room, f"room:{room}"
        self.without = without
        self.epoch, self.cursor, self.head = "", 0, 0
        self.applied: list[tuple[int, str]] = []
        self.outbox: dict[str, tuple[Frame, float]] = {}
        self.errors: list[str] = []
        self.is_calm = False
        self.tell: Callable[[Frame], None] | None = None
        self._ahead: dict[int, Frame] = {}
        self._fetching_since = 0.0

    # --- the rules ------------------------------------------------------------------------------------------------

    def say(self, cid: str, text: str) -> None:
        kind = {"t": "command", "age_ms": 0} if text.startswith("/") else {"t": "message"}
        self.outbox[cid] = ({**kind, "cid": cid, "room": self.room, "text": text}, 0.0)

    def hear(self, frame: Frame) -> None:
        match frame["t"]:
            case "welcome":
                for standing in frame["streams"]:
                    self.epoch, self.head = standing["e"], max(self.head, standing["head"])
            case "event" if frame["s"] == self.stream:
                self._offer([frame])
            case "head":
                for standing in frame["streams"]:
                    if standing["s"] == self.stream:
                        self.head = max(self.head, standing["head"])
            case "range" if self.chance.random() > ANSWER_LOST:
                self._fetching_since = 0.0
                self._offer(frame["events"])
                self.head = max(self.head, frame["head"])
            case "ack" if self.chance.random() > ACK_LOST:
                self.outbox.pop(frame["cid"], None)
            case "err" | "reset" | "bye":
                self.errors.append(json.dumps(frame))

    def _offer(self, events: list[Frame]) -> None:
        for event in events:
            if self.without in ("gaps", "copies"):
                if self.without == "copies" or event["q"] > self.cursor:
                    self._apply(event)
            elif event["q"] > self.cursor:
                self._ahead[event["q"]] = event
            self.head = max(self.head, event["q"])
        while event := self._ahead.pop(self.cursor + 1, None):
            self._apply(event)
        self._ahead = {q: event for q, event in self._ahead.items() if q > self.cursor}

    def _apply(self, event: Frame) -> None:
        self.cursor = max(self.cursor, event["q"])
        self.applied.append((event["q"], event.get("cid", "")))
        self.outbox.pop(event.get("cid", ""), None)

    def pump(self) -> None:
        """Ask for what is missing, and send again what nobody answered."""
        now = asyncio.get_running_loop().time()
        if self.tell is None:
            return
        if self.head > self.cursor and now - self._fetching_since > self.fetch_s and self.without != "gaps":
            self._fetching_since = now
            self.tell({"t": "range", "rid": "r", "s": self.stream, "after": self.cursor, "limit": 7})
        for cid, (frame, sent) in list(self.outbox.items()):
            if sent and self.without == "sending again":
                continue
            if now - sent > self.resend_s:
                self.outbox[cid] = frame, now
                self.tell(frame)

    # --- connections ----------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Connect, by whichever way, until cancelled; a connection lives long only when it is calm."""
        while True:
            dies = asyncio.get_running_loop().time() + (600 if self.is_calm else self.chance.uniform(*self.life_s))
            await (self.by_poll(dies) if self.chance.random() < BY_POLL else self.by_socket(dies))
            await asyncio.sleep(self.chance.uniform(0, 0.05))

    def begin(self, tell: Callable[[Frame], None]) -> None:
        """From here on `tell` takes what there is to say; what nobody answered is said again."""
        self.tell, self._fetching_since = tell, 0.0
        if self.without != "sending again":
            self.outbox = {cid: (frame, 0.0) for cid, (frame, _) in self.outbox.items()}

    @abstractmethod
    async def by_socket(self, dies: float) -> None:
        """Live on one socket until `dies`, or for as long as it is calm."""

    @abstractmethod
    async def ask(self, path: str, question: Frame) -> list[Frame]:
        """The frames that are answered, by HTTP."""

    async def by_poll(self, dies: float) -> None:
        loop = asyncio.get_running_loop()
        queue: list[Frame] = []
        self.tell, self._fetching_since = queue.append, 0.0

        async def carry() -> None:
            while True:
                self.pump()
                frames, queue[:] = queue[:20], queue[20:]
                if frames:
                    self._take(await self.ask("/rt/send", {"frames": frames}))
                await asyncio.sleep(0.02)

        carrying = asyncio.create_task(carry())
        try:
            conn = None
            while (loop.time() < dies or self.is_calm) and not carrying.done():
                wait_ms = 2000 if self.is_calm else 200
                asked = {"conn": conn, "wait_ms": wait_ms if conn else 0, **self.cursors()}
                if self._take(await self.ask("/rt/poll", asked)):
                    conn = "x"
        finally:
            self.tell = None
            carrying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await carrying

    def _take(self, frames: list[Frame]) -> bool:
        """Take a whole answer, unless it was lost on the way."""
        if self.chance.random() < ANSWER_LOST:
            return False
        for frame in frames:
            self.hear(frame)
        return True

    def cursors(self) -> Frame:
        known = [{"s": self.stream, "e": self.epoch, "q": self.cursor}] if self.epoch else []
        return {"resume": known, "want": [self.stream]}
