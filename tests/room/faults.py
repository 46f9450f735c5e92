"""The fault model of the room's protocol, against the real application: `python -m tests.room.faults SEED…`.

Three members of a room write chat and commands while rings are lost, late and doubled, connections die and stay half
open, acknowledgements and answers are lost, and each new connection is a socket or a long poll, as chance has it. In
the end every member must have every event once and in order, every line must have been stored once, and no member may
still wait for an answer. `--without` takes one of the protections away, and then it must not hold.

Prints one line of JSON per seed: `{"seed", "faults"}`. Runs on the database of the environment, which it migrates.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
from collections.abc import Callable
from typing import Any

from tests.waiting import eventually

Frame = dict[str, Any]
LINES = 16
#: A command that its author alone is answered.
COMMAND = "/help"
#: The lines are written, and connections die, within so long; then everything has time to come right.
CHAOS_S = 1.0
RESEND_S, FETCH_S = 0.25, 0.3
RING_LOST, RING_TWICE, ACK_LOST, ANSWER_LOST, BY_POLL = 0.15, 0.1, 0.2, 0.1, 0.5


class Member:
    """A page's end, by the rules of docs/room-protocol.md."""

    def __init__(self, chance: random.Random, key: str, room: int, without: str) -> None:
        self.chance = chance
        self.room, self.stream = room, f"room:{room}"
        self.without = without
        self.epoch, self.cursor, self.head = "", 0, 0
        self.applied: list[tuple[int, str]] = []
        self.outbox: dict[str, tuple[Frame, float]] = {}
        self.errors: list[str] = []
        self.is_calm = False
        self._key = key
        self._ahead: dict[int, Frame] = {}
        self._tell: Callable[[Frame], None] | None = None
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
        if self._tell is None:
            return
        if self.head > self.cursor and now - self._fetching_since > FETCH_S and self.without != "gaps":
            self._fetching_since = now
            self._tell({"t": "range", "rid": "r", "s": self.stream, "after": self.cursor, "limit": 7})
        for cid, (frame, sent) in list(self.outbox.items()):
            if sent and self.without == "sending again":
                continue
            if now - sent > RESEND_S:
                self.outbox[cid] = frame, now
                self._tell(frame)

    # --- connections ----------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Connect, by whichever way, until cancelled; a connection lives long only when it is calm."""
        while True:
            dies = asyncio.get_running_loop().time() + (600 if self.is_calm else self.chance.uniform(0.05, 0.5))
            await (self._poll(dies) if self.chance.random() < BY_POLL else self._socket(dies))
            await asyncio.sleep(self.chance.uniform(0, 0.05))

    async def _socket(self, dies: float) -> None:
        from chatops.asgi import application

        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Frame] = asyncio.Queue()
        is_heard = True

        async def send(message: Frame) -> None:
            if is_heard and message["type"] == "websocket.send":
                self.hear(json.loads(message["text"]))

        def tell(frame: Frame) -> None:
            inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

        scope = {"type": "websocket", "path": "/rt/ws", "headers": _headers(self._key), "query_string": b""}
        inbox.put_nowait({"type": "websocket.connect"})
        serving = asyncio.create_task(application(scope, inbox.get, send))
        tell({"t": "hello", "v": 1, "client": "faults", **self._cursors()})
        self._tell, self._fetching_since = tell, 0.0
        self.outbox = {cid: (frame, 0.0 if sent == 0 or self.without != "sending again" else sent)
                       for cid, (frame, sent) in self.outbox.items()}  # fmt: skip
        try:
            while loop.time() < dies or self.is_calm:
                self.pump()
                await asyncio.sleep(0.02)
            is_heard, self._tell = False, None
            await asyncio.sleep(self.chance.uniform(0, 0.1))  # half open: the server still writes
        finally:
            self._tell = None
            inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
            await serving

    async def _poll(self, dies: float) -> None:
        loop = asyncio.get_running_loop()
        queue: list[Frame] = []
        self._tell, self._fetching_since = queue.append, 0.0

        async def carry() -> None:
            while True:
                self.pump()
                frames, queue[:] = queue[:20], queue[20:]
                if frames:
                    self._take(await _ask("/rt/send", self._key, {"frames": frames}))
                await asyncio.sleep(0.02)

        carrying = asyncio.create_task(carry())
        try:
            conn = None
            while loop.time() < dies or self.is_calm:
                wait_ms = 2000 if self.is_calm else 200
                asked = {"conn": conn, "wait_ms": wait_ms if conn else 0, **self._cursors()}
                if self._take(await _ask("/rt/poll", self._key, asked)):
                    conn = "x"
        finally:
            self._tell = None
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

    def _cursors(self) -> Frame:
        known = [{"s": self.stream, "e": self.epoch, "q": self.cursor}] if self.epoch else []
        return {"resume": known, "want": [self.stream]}


def _headers(key: str) -> list[tuple[bytes, bytes]]:
    from tests.room.conftest import headers_of

    token = "t" * 32
    cookie, *others = headers_of(key)
    return [(b"cookie", cookie[1] + f"; csrf={token}".encode()), *others, (b"x-csrftoken", token.encode()),
            (b"content-type", b"application/json")]  # fmt: skip


async def _ask(path: str, key: str, question: Frame) -> list[Frame]:
    """The frames that are answered, by HTTP."""
    from chatops.asgi import application

    answer: dict[str, Any] = {"body": b""}
    gone = asyncio.Event()
    questions = [{"type": "http.request", "body": json.dumps(question).encode()}]

    async def receive() -> Frame:
        if questions:
            return questions.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Frame) -> None:
        answer.update(message) if "status" in message else answer.update(body=answer["body"] + message["body"])

    scope = {"type": "http", "method": "POST", "path": path, "headers": _headers(key), "query_string": b"",
             "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 8000)}  # fmt: skip
    await application(scope, receive, send)
    frames: list[Frame] = json.loads(answer["body"])["frames"]
    return frames


class World:
    """One seed: a room of its own with three members."""

    def __init__(self, seed: int, without: str) -> None:
        from tests import factories
        from tests.room.conftest import sign_in

        self.seed = seed
        self.chance = random.Random(seed)
        self.people = [factories.person(f"member-{seed}-{n}-{without[:4].strip()}") for n in range(3)]
        self.room = factories.room(f"room-{seed}-{without[:4].strip()}", members=tuple(self.people))
        keys = [sign_in(person) for person in self.people]
        self.members = [Member(random.Random(seed * 7 + n), key, self.room.pk, without) for n, key in enumerate(keys)]
        self.sent: dict[str, str] = {}

    async def run(self, patience_s: float) -> list[str]:
        """What is not as it should be in the end; nothing, if all is well."""
        from chatops.room import pool

        lives = [asyncio.create_task(member.live()) for member in self.members]
        for n in range(LINES):
            cid = f"{self.seed}-{n}"
            self.sent[cid] = COMMAND if self.chance.random() < 0.2 else f"line {n}"
            self.chance.choice(self.members).say(cid, self.sent[cid])
            await asyncio.sleep(self.chance.uniform(0, 2 * CHAOS_S / LINES))
        for member in self.members:
            member.is_calm = True
        with contextlib.suppress(AssertionError):
            await eventually(lambda: self._is_well(), patience_s)
        faults = self._faults(*await pool.run(self._stored))
        faults += [f"a page broke: {life.exception()!r}" for life in lives if life.done()]
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        return faults

    async def _is_well(self) -> bool:
        from chatops.room import pool

        return not self._faults(*await pool.run(self._stored))

    def _stored(self) -> tuple[list[tuple[int, str]], list[str], list[str]]:
        """The room's log, the lines by client id, and the commands by that of the line that was answered."""
        from chatops.room.models import Event, Line

        events = Event.objects.filter(stream_kind="room", stream_id=self.room.pk).order_by("number")
        answers = Event.objects.filter(stream_kind="person", stream_id__in=[it.pk for it in self.people], kind="reply")
        return (
            list(events.values_list("number", "client_id")),
            list(Line.objects.filter(room=self.room).values_list("client_id", flat=True)),
            [answer["for_cid"] for answer in answers.values_list("payload", flat=True)],
        )

    def _faults(self, log: list[tuple[int, str]], lines: list[str], answers: list[str]) -> list[str]:
        chat = [cid for cid, text in self.sent.items() if not text.startswith("/")]
        commands = [cid for cid, text in self.sent.items() if text.startswith("/")]
        faults = []
        for what, wanted, found in (
            ("lines stored", [*self.sent], lines),
            ("lines shown", chat, [cid for _, cid in log]),
            ("commands run", commands, answers),
        ):
            if sorted(wanted) != sorted(found):
                faults.append(f"{len(found)} {what}, {len(set(found))} different, of {len(wanted)}")
        if [number for number, _ in log] != list(range(1, len(log) + 1)):
            faults.append("the log has holes")
        for n, member in enumerate(self.members):
            if member.applied != log:
                faults.append(f"member {n} has {len(member.applied)} of {len(log)} events, or not in order")
            faults += [f"member {n} still waits for {len(member.outbox)} answers"] if member.outbox else []
            faults += [f"member {n} heard {error}" for error in member.errors[:1]]
        return faults


# --- the world's own faults, and the protections ----------------------------------------------------------------------


def _lose_rings(seed: int) -> None:
    from chatops.room.hub import Hubs

    chance = random.Random(seed)
    deliver = Hubs.deliver

    def lossy(self: Hubs, *what: Any) -> None:
        times = 0 if chance.random() < RING_LOST else 2 if chance.random() < RING_TWICE else 1
        for _ in range(times):
            self.loop.call_later(chance.uniform(0, 0.02), deliver, self, *what)

    Hubs.deliver = lossy  # type: ignore[method-assign]


def _without_unique() -> None:
    """Let the same client id be stored as often as it comes."""
    from django.db import connection

    from chatops.room import authors, chat
    from chatops.room.models import Line, Message

    assert chat.authors is authors
    authors.known = lambda lines: {}
    for model in (Line, Message):
        once = next(it for it in model._meta.constraints if it.name in ("line_once", "message_once"))
        with connection.schema_editor() as editor:
            editor.remove_constraint(model, once)


def _without_joining_first() -> None:
    """Read the heads before the hubs are joined; nothing else is known of them."""
    from chatops.room import pool, streams
    from chatops.room.session import Session

    async def follow(self: Session, cursors: Any, want: Any) -> Any:
        asked = list(dict.fromkeys([*cursors, *want]))
        _, heads = await pool.run(streams.look, asked)
        await asyncio.sleep(0.1)
        for stream in asked:
            await self.followed.join(stream)
        return heads

    Session.follow = follow  # type: ignore[method-assign]


def _without_healing() -> None:
    """Never compare with the rows what rings told of."""
    from chatops.room.hub import Hubs

    async def nothing(self: Hubs) -> None: ...

    Hubs.heal = nothing  # type: ignore[method-assign]


SERVERS: dict[str, Callable[[], None]] = {
    "once": _without_unique,
    "joining first": _without_joining_first,
    "healing": _without_healing,
}
PAGES = ("gaps", "copies", "sending again")


async def _all(seeds: list[int], without: str, patience_s: float) -> int:
    from chatops.room.hub import hubs

    worlds = [await asyncio.to_thread(World, seed, without) for seed in seeds]
    results = await asyncio.gather(*(world.run(patience_s) for world in worlds))
    await hubs().close()
    for seed, faults in zip(seeds, results, strict=True):
        print(json.dumps({"seed": seed, "faults": faults}), flush=True)
    return int(any(results))


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("seeds", type=int, nargs="*")
    asked.add_argument("--without", default="", choices=("", *PAGES, *SERVERS))
    asked.add_argument("--patience-s", type=float, default=60.0)
    words = asked.parse_args()
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _lose_rings(sum(words.seeds))
    if words.without in SERVERS:
        SERVERS[words.without]()
    return asyncio.run(_all(words.seeds, words.without, words.patience_s))


if __name__ == "__main__":
    sys.exit(main())
