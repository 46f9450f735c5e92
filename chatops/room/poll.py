"""The long poll's doors, for networks that let no socket through: `/rt/poll` and `/rt/send`, with the same frames.

Stateless: the cursors travel in every request, so any process may answer, and a lost answer is asked for again.
They stand beside Django, not inside it: there, a request that waits 25 seconds would hold a thread.
"""

import asyncio
import io
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware

from chatops.room import door, frames, pool, streams
from chatops.room.door import Identity
from chatops.room.following import STREAMS
from chatops.room.guests import guests
from chatops.room.incoming import Incoming, Unfit
from chatops.room.session import Session, shown
from chatops.room.wire import Batch

#: The most frames that one request carries.
FRAMES = 50
#: What arrives together is answered together.
GATHER_S = 0.01
#: Who comes, goes or types answers a poll only after so long: else one arrival would have everybody ask again at once.
VOLATILE_S = 1.0
#: And with more connections than this it only travels along with what is stored: thousands would do nothing but ask.
VOLATILE_CROWD = 500
#: Between two polls a person is still there.
LINGER_S = 10.0

logger = logging.getLogger(__name__)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Collector:
    """A wire into one answer."""

    def __init__(self) -> None:
        self.is_open = True
        self.payloads: list[bytes] = []
        self.size_bytes = 0
        self.has_news = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None

    def send(self, batch: Batch) -> None:
        self.payloads += batch.payloads
        self.size_bytes += sum(map(len, batch.payloads))
        if not batch.is_volatile:
            self.has_news.set()
        elif self._soon is None and guests().total <= VOLATILE_CROWD:
            self._soon = asyncio.get_running_loop().call_later(VOLATILE_S, self.has_news.set)

    def close(self, code: int) -> None:
        self.is_open = False
        self.has_news.set()


async def poll(scope: Any, receive: Receive, send: Send) -> None:
    """Answer with what is new for the cursors, or wait for it."""
    await _serve(scope, receive, send, _poll)


async def send(scope: Any, receive: Receive, send: Send) -> None:
    """Answer frames as a socket would; what they follow is followed for the length of this request."""
    await _serve(scope, receive, send, _send)


Answer = Callable[[Session, Collector, Incoming, Receive], Awaitable[None]]


async def _serve(scope: Any, receive: Receive, send: Send, answer: Answer) -> None:
    try:
        await _admit(scope, receive, send, answer)
    except OperationalError as error:
        logger.error("a request of the long poll found the database unable: %s", error)
        await _respond(send, 503, [frames.encode(frames.error("unavailable"))])


async def _admit(scope: Any, receive: Receive, send: Send, answer: Answer) -> None:
    body = await _body(receive)
    if scope["method"] != "POST":
        await _respond(send, 405, [])
    elif _is_forged(scope, body):
        await _respond(send, 403, [])
    elif (identity := await _identify(door.session_key(scope))) is None:
        await _respond(send, 401, [frames.encode(frames.error("auth"))])
    elif wait_ms := _too_much(identity):
        await _respond(send, 429, [frames.encode(frames.error("rate_limited", retry_after_ms=wait_ms))])
    else:
        collector = Collector()
        session = Session(identity, collector, is_lasting=False)
        try:
            await answer(session, collector, Incoming.parse(body.decode(errors="replace")), receive)
        except Unfit as unfit:
            session.tell(frames.error(unfit.code, **unfit.fields))
        finally:
            session.leave(linger_s=LINGER_S)
        await _respond(send, 200, collector.payloads)


async def _identify(key: str) -> Identity | None:
    return guests().known(key) or await pool.run(door.identify, key)


def _too_much(identity: Identity) -> int:
    """Whether the person asks too often or has too many requests open: 0, or the milliseconds to wait."""
    if guests().count(identity.person_id, lasting=False) >= settings.POLLS_PER_PERSON:
        return int(settings.SEND_RATE_WINDOW_S * 1000)
    return guests().take_ask(identity.person_id)


async def _poll(session: Session, collector: Collector, asked: Incoming, receive: Receive) -> None:
    cursors = asked.cursors("resume", STREAMS)
    wait_s = min(asked.number("wait_ms", int(settings.POLL_WAIT_S * 1000)) / 1000, settings.POLL_WAIT_S)
    want = asked.streams("want", STREAMS)
    heads = await session.follow(cursors, want)
    if not asked.has("conn"):
        session.welcome(heads)
    session.enter(shown(want, heads), is_visible=asked.flag("visible", True))
    for stream, (epoch, number) in cursors.items():
        is_full = collector.size_bytes > streams.PAGE_BYTES  # what is left is asked for again: `head` says of it
        if not is_full and stream in heads and heads[stream].floor <= number + 1 <= heads[stream].number:
            collector.send(Batch(await session.followed.missed(stream, number, epoch)))
    if not collector.payloads:
        await _news(collector, receive, wait_s)
    session.tell({"t": "head", "streams": session.followed.told()})


async def _news(collector: Collector, receive: Receive, wait_s: float) -> None:
    """Wait until something was told, the time is over, or the client has gone."""
    waits = {asyncio.ensure_future(collector.has_news.wait()), asyncio.ensure_future(receive())}
    try:
        await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if collector.has_news.is_set():
        await asyncio.sleep(GATHER_S)


async def _send(session: Session, collector: Collector, asked: Incoming, receive: Receive) -> None:
    for frame in asked.list("frames", FRAMES):
        if collector.size_bytes > settings.BACKLOG_LIMIT_BYTES:
            session.refuse_more(frame)
        elif collector.is_open:
            await session.receive(json.dumps(frame))


async def _body(receive: Receive) -> bytes:
    """The request's body; the server has capped it."""
    body, has_more = b"", True
    while has_more:
        message = await receive()
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    return body


def _is_forged(scope: Any, body: bytes) -> bool:
    """Whether another site's page may have sent this: a foreign origin, or no token of ours (Django's own check)."""
    if not door.is_own_origin(scope):
        return True
    request = ASGIRequest(scope, io.BytesIO(body))
    check = CsrfViewMiddleware(_nothing)
    try:
        check.process_request(request)
        return check.process_view(request, _nothing, (), {}) is not None
    except (BadRequest, MultiPartParserError, SuspiciousOperation):  # Django looks for its token in a body that is none
        return True


def _nothing(_: HttpRequest) -> HttpResponse:
    return HttpResponse()


async def _respond(send: Send, status: int, payloads: list[bytes]) -> None:
    body = b'{"frames":[' + b",".join(payloads) + b"]}"
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
