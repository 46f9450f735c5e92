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

from tests.room.member import Frame, Member
from tests.waiting import eventually

LINES = 16
#: A command that its author alone is answered.
COMMAND = "/help"
#: The lines are written, and connections die, within so long; then everything has time to come right.
CHAOS_S = 1.0
RING_LOST, RING_TWICE = 0.15, 0.1


class Page(Member):
    """A member in the same process as the application."""

    async def by_socket(self, dies: float) -> None:
        from chatops.asgi import application

        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Frame] = asyncio.Queue()
        is_heard = True

        async def send(message: Frame) -> None:
            if is_heard and message["type"] == "websocket.send":
                self.hear(json.loads(message["text"]))

        def tell(frame: Frame) -> None:
            inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

        scope = {"type": "websocket", "path": "/rt/ws", "headers": _headers(self.key), "query_string": b""}
        inbox.put_nowait({"type": "websocket.connect"})
        serving = asyncio.create_task(application(scope, inbox.get, send))
        tell({"t": "hello", "v": 1, "client": "faults", **self.cursors()})
        self.begin(tell)
        try:
            while loop.time() < dies or self.is_calm:
                self.pump()
                await asyncio.sleep(0.02)
            is_heard, self.tell = False, None
            await asyncio.sleep(self.chance.uniform(0, 0.1))  # half open: the server still writes
        finally:
            self.tell = None
            inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
            await serving

    async def ask(self, path: str, question: Frame) -> list[Frame]:
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

        scope = {"type": "http", "method": "POST", "path": path, "headers": _headers(self.key), "query_string": b"",
                 "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 8000)}  # fmt: skip
        await application(scope, receive, send)
        frames: list[Frame] = json.loads(answer["body"])["frames"]
        return frames


def _headers(key: str) -> list[tuple[bytes, bytes]]:
    from tests.room.conftest import headers_of

    token = "t" * 32
    cookie, *others = headers_of(key)
    return [(b"cookie", cookie[1] + f"; csrf={token}".encode()), *others, (b"x-csrftoken", token.encode()),
            (b"content-type", b"application/json")]  # fmt: skip


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
        self.members = [Page(random.Random(seed * 7 + n), key, self.room.pk, without) for n, key in enumerate(keys)]
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
