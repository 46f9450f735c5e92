"""A room with people in it, and clients that speak its protocol to the real application."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from chatops.room.hub import hubs
from chatops.room.models import Room, Stream
from deploy_core.models import App, Environment, Person
from tests import factories

WAIT_S = 20.0


class Cast:
    """alice (deployer), bob and carol (no role) in the room `demo`, which follows shop; dave is outside."""

    def __init__(self) -> None:
        self.alice: Person = factories.person("alice", role="deployer")
        self.bob: Person = factories.person("bob")
        self.carol: Person = factories.person("carol")
        self.dave: Person = factories.person("dave")
        self.shop: App = factories.app("shop")
        self.staging: Environment = factories.environment(self.shop, "staging", servers=(factories.server("web-1"),))
        self.room: Room = factories.room("demo", members=(self.alice, self.bob, self.carol), apps=(self.shop,))

    @property
    def stream(self) -> Stream:
        return Stream("room", self.room.pk)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return Cast()


def sign_in(person: Person) -> str:
    """A session's key."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    assert session.session_key
    return session.session_key


def headers_of(key: str, origin: str | None = None) -> list[tuple[bytes, bytes]]:
    """What a browser sends with a socket; `origin` None is our own."""
    own = settings.PUBLIC_URL if origin is None else origin
    cookie = f"{settings.SESSION_COOKIE_NAME}={key}"
    return [(b"cookie", cookie.encode()), (b"origin", own.encode()), (b"host", b"127.0.0.1:8000")]


_cids = itertools.count(1)


class Client:
    """A page's end of a socket: sends frames, and keeps what came until somebody asks for it."""

    def __init__(self, key: str) -> None:
        from chatops.asgi import application

        self.key = key
        self.socket = WebsocketCommunicator(application, "/rt/ws", headers=headers_of(key))
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None

    async def connect(self) -> bool:
        accepted, _ = await self.socket.connect(timeout=WAIT_S)
        return accepted

    async def send(self, frame: dict[str, Any] | str) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self.socket.send_input({"type": "websocket.receive", "text": text})

    async def hello(self, *want: Stream | str, resume: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        names = [str(stream) for stream in want]
        await self.send({"t": "hello", "v": 1, "client": "test", "tab": "1", "resume": resume or [], "want": names})
        return await self.next("welcome")

    async def ask(self, frame: dict[str, Any], *kinds: str) -> dict[str, Any]:
        """The answer to a frame that has a `rid` or `cid`."""
        await self.send(frame)
        names = [name for name in ("rid", "cid") if name in frame]
        return await self.next(*kinds, "err", where=lambda got: all(got.get(name) == frame[name] for name in names))

    async def say(self, room: Room, text: str, cid: str = "") -> dict[str, Any]:
        cid = cid or f"cid-{next(_cids)}"
        return await self.ask({"t": "message", "cid": cid, "room": room.pk, "text": text}, "ack")

    async def next(
        self, *kinds: str, where: Callable[[dict[str, Any]], bool] = lambda _: True, timeout_s: float = WAIT_S
    ) -> dict[str, Any]:
        """The first frame of these kinds that was not asked for yet; all others stay."""
        end = asyncio.get_running_loop().time() + timeout_s
        seen = 0
        while True:
            for index in range(seen, len(self.frames)):
                frame = self.frames[index]
                if frame["t"] in kinds and where(frame):
                    return self.frames.pop(index)
            seen = len(self.frames)
            left = end - asyncio.get_running_loop().time()
            assert left > 0, f"no {kinds} among {self.frames}"
            await self._read(left)

    async def event(self, kind: str) -> dict[str, Any]:
        return await self.next("event", where=lambda frame: frame["k"] == kind)

    async def closed(self) -> int:
        """The code the server closes with."""
        while self.close_code is None:
            await self._read(WAIT_S)
        return self.close_code

    @property
    def left(self) -> list[str]:
        """What came and was not asked for: kinds of events, types of other frames."""
        return [frame.get("k") or frame["t"] for frame in self.frames]

    async def _read(self, timeout_s: float) -> None:
        message = await self.socket.receive_output(timeout_s)
        if message["type"] == "websocket.close":
            self.close_code = message.get("code", 1000)
        else:
            self.frames.append(json.loads(message["text"]))

    async def leave(self) -> None:
        await self.socket.disconnect(timeout=WAIT_S)


Connect = Callable[..., Any]


@pytest.fixture
async def connect(cast: Cast) -> AsyncIterator[Connect]:
    """`async with connect(person) as client`, signed in and accepted; hubs stop with the test."""

    @asynccontextmanager
    async def connected(person: Person, *want: Stream | str) -> AsyncIterator[Client]:
        client = Client(await asyncio.to_thread(_in_thread, sign_in, person))
        assert await client.connect()
        if want:
            await client.hello(*want)
        try:
            yield client
        finally:
            await client.leave()

    yield connected
    await hubs().close()


def _in_thread(work: Callable[..., Any], *args: Any) -> Any:
    from django.db import connection

    try:
        return work(*args)
    finally:
        connection.close()


async def off_loop(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Database work of a test that runs on a loop."""
    return await asyncio.to_thread(_in_thread, lambda: work(*args, **kwargs))
