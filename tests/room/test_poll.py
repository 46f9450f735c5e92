"""The long poll speaks the same protocol: cursors in, frames out, nothing kept between."""

import asyncio
import json
from typing import Any

import pytest
from channels.testing import HttpCommunicator
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session as StoredSession
from django.db import OperationalError
from django.middleware.csrf import _get_new_csrf_string

from chatops.room import door, messages, streams
from chatops.room.hub import hubs
from chatops.room.presence import presence_now
from tests.room.conftest import WAIT_S, Cast, Connect, off_loop, sign_in
from tests.waiting import eventually

TOKEN = _get_new_csrf_string()


class Poller:
    """A page's end of long polling."""

    def __init__(self, key: str, *, origin: str = "http://127.0.0.1:8000", token: str = TOKEN) -> None:
        cookies = f"{django_settings.SESSION_COOKIE_NAME}={key}; {django_settings.CSRF_COOKIE_NAME}={TOKEN}"
        self.headers = [
            (b"host", b"127.0.0.1:8000"),
            (b"origin", origin.encode()),
            (b"cookie", cookies.encode()),
            (b"x-csrftoken", token.encode()),
            (b"content-type", b"application/json"),
        ]

    async def ask(self, path: str, question: Any, method: str = "POST") -> tuple[int, list[dict[str, Any]]]:
        from chatops.asgi import application

        body = question if isinstance(question, bytes) else json.dumps(question).encode()
        http = HttpCommunicator(application, method, path, body=body, headers=self.headers)
        answer = await http.get_response(timeout=WAIT_S)
        return answer["status"], json.loads(answer["body"])["frames"]

    async def poll(self, **question: Any) -> list[dict[str, Any]]:
        status, frames = await self.ask("/rt/poll", question)
        assert status == 200
        return frames

    async def send(self, *frames: Any) -> list[dict[str, Any]]:
        status, answers = await self.ask("/rt/send", {"frames": list(frames)})
        assert status == 200
        return answers


@pytest.fixture
async def alice(cast: Cast):
    yield Poller(await off_loop(sign_in, cast.alice))
    await hubs().close()


def _say(cast: Cast, text: str, cid: str) -> None:
    messages.post(author=cast.bob, room=cast.room, text=text, client_id=cid, surface="shell")


async def test_the_first_poll_is_welcomed_and_the_last_frame_is_the_heads(cast: Cast, alice: Poller):
    welcome, *_, head = await alice.poll(conn=None, want=[str(cast.stream)], wait_ms=0)

    assert (welcome["t"], welcome["streams"][0]["s"]) == ("welcome", str(cast.stream))
    assert head == {"t": "head", "streams": [{"s": str(cast.stream), "e": welcome["streams"][0]["e"], "head": 0}]}


async def test_what_was_missed_is_answered_at_once_and_again_if_the_answer_was_lost(cast: Cast, alice: Poller):
    epoch = (await alice.poll(want=[str(cast.stream)], wait_ms=0))[0]["streams"][0]["e"]
    for n in (1, 2, 3):
        await off_loop(_say, cast, f"line {n}", f"c{n}")
    cursor = {"s": str(cast.stream), "e": epoch, "q": 1}

    answers = [await alice.poll(conn="x", resume=[cursor], wait_ms=20_000) for _ in range(2)]

    for frames in answers:
        assert [frame["q"] for frame in frames if frame["t"] == "event"] == [2, 3]
        assert frames[-1]["streams"][0]["head"] == 3


async def test_a_poll_waits_for_news(cast: Cast, alice: Poller):
    first = await alice.poll(want=[str(cast.stream)], wait_ms=0)
    cursor = {"s": str(cast.stream), "e": first[0]["streams"][0]["e"], "q": 0}
    waiting = asyncio.create_task(alice.poll(conn="x", resume=[cursor]))

    async def is_waiting() -> bool:
        return hubs().get(cast.stream) is not None

    await eventually(is_waiting)

    await off_loop(_say, cast, "hello", "c1")

    frames = await asyncio.wait_for(waiting, WAIT_S)
    assert [frame["d"]["text"] for frame in frames if frame["t"] == "event"] == ["hello"]
    assert hubs().get(cast.stream) is None


async def test_a_poll_without_news_ends_with_the_heads(cast: Cast, alice: Poller):
    first = await alice.poll(want=[str(cast.stream)], wait_ms=0)
    cursor = {"s": str(cast.stream), "e": first[0]["streams"][0]["e"], "q": 0}
    await alice.poll(conn="x", resume=[cursor], wait_ms=0)  # its own presence is told once

    frames = await alice.poll(conn="x", resume=[cursor], wait_ms=10)

    assert [frame["t"] for frame in frames] == ["head"]


async def test_a_cursor_of_another_life_is_reset(cast: Cast, alice: Poller):
    frames = await alice.poll(conn="x", resume=[{"s": str(cast.stream), "e": "other", "q": 5}], wait_ms=20_000)

    assert [frame["reason"] for frame in frames if frame["t"] == "reset"] == ["epoch"]


async def test_a_line_is_sent_and_seen_by_sockets(cast: Cast, alice: Poller, connect: Connect):
    async with connect(cast.bob, cast.stream) as bob:
        line = {"t": "message", "cid": "c1", "room": cast.room.pk, "text": "over http"}

        first, again = await alice.send(line, line)

        assert (first["t"], first["result"], again["dup"]) == ("ack", "posted", True)
        assert (await bob.event("message"))["d"]["text"] == "over http"


async def test_a_line_that_went_by_a_socket_and_at_the_same_time_by_the_poll_is_one(
    cast: Cast, alice: Poller, connect: Connect
):
    line = {"t": "message", "cid": "c1", "room": cast.room.pk, "text": "once"}
    async with connect(cast.alice, cast.stream) as socket, connect(cast.bob, cast.stream) as bob:
        told, (answered,) = await asyncio.gather(socket.ask(line, "ack"), alice.send(line))
        await socket.say(cast.room, "and another")

        assert told["q"] == answered["q"]
        assert sorted(each.get("dup", False) for each in (told, answered)) == [False, True]
        for page in (socket, bob):
            assert [(await page.event("message"))["d"]["text"] for _ in range(2)] == ["once", "and another"]
    welcome, *_ = await alice.poll(want=[str(cast.stream)], wait_ms=0)
    frames = await alice.poll(conn="x", resume=[{**welcome["streams"][0], "q": 0}], wait_ms=0)
    assert [frame["d"]["text"] for frame in frames if frame["t"] == "event"] == ["once", "and another"]


async def test_questions_are_answered_in_order_and_bad_ones_too(cast: Cast, alice: Poller):
    s = str(cast.stream)
    answers = await alice.send(
        {"t": "sub", "rid": 1, "s": s},
        "nonsense",
        {"t": "range", "rid": 2, "s": s},
        {"t": "snapshot", "rid": 3, "s": s},
    )

    assert [answer["t"] for answer in answers] == ["subbed", "err", "range", "snapshot"]


async def test_whoever_polls_is_present_and_stays_so_between_two_polls(cast: Cast, alice: Poller, connect: Connect):
    await alice.poll(want=[str(cast.stream)], wait_ms=0)

    assert [person["name"] for person in presence_now(cast.room.pk)] == ["alice"]


@pytest.mark.parametrize("key", ["nonsense", "a" * 32, '"a\\000b"', "a\x00b"])
@pytest.mark.parametrize("path", ["/rt/poll", "/rt/send"])
async def test_no_session_is_401(cast: Cast, path, key):
    status, frames = await Poller(key).ask(path, {})

    assert (status, frames[0]["code"]) == (401, "auth")


@pytest.mark.parametrize("path", ["/rt/poll", "/rt/send"])
@pytest.mark.parametrize("wrong", [{"origin": "https://evil.example"}, {"origin": "null"}, {"token": "x" * 32}])
async def test_another_sites_page_is_403(cast: Cast, path, wrong):
    key = await off_loop(sign_in, cast.alice)

    status, frames = await Poller(key, **wrong).ask(path, {"frames": [], "wait_ms": 0})

    assert (status, frames) == (403, [])


async def test_only_post_is_answered(cast: Cast, alice: Poller):
    assert (await alice.ask("/rt/poll", b"", method="GET"))[0] == 405


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b'{"frames": 1}', b'{"frames": [' + b"1," * 60 + b"1]}"])
async def test_a_body_that_is_none_is_a_bad_frame(cast: Cast, alice: Poller, body):
    status, frames = await alice.ask("/rt/send", body)

    assert (status, frames[0]["code"]) == (200, "bad_frame")


async def test_a_stream_one_may_not_see_is_taken_away(cast: Cast):
    dave = Poller(await off_loop(sign_in, cast.dave))

    frames = await dave.poll(conn="x", want=[str(cast.stream)], wait_ms=20_000)

    assert [(frame["t"], frame.get("reason")) for frame in frames] == [("reset", "access"), ("head", None)]


async def test_one_answer_is_not_larger_than_a_slow_line_bears(cast: Cast, alice: Poller, monkeypatch):
    monkeypatch.setattr(streams, "PAGE_BYTES", 2000)
    first = await alice.poll(want=[str(cast.stream)], wait_ms=0)
    cursor = {"s": str(cast.stream), "e": first[0]["streams"][0]["e"], "q": 0}
    for n in range(5):
        await off_loop(_say, cast, "x" * 900, f"c{n}")

    seen, answers = 0, 0
    while seen < 5:
        frames = await alice.poll(conn="x", resume=[cursor | {"q": seen}], wait_ms=0)
        assert sum(len(json.dumps(frame)) for frame in frames if frame["t"] == "event") < 3000
        seen += len([frame for frame in frames if frame["t"] == "event"])
        answers += 1

    assert answers >= 3
    assert seen == 5


async def test_questions_beyond_a_full_answer_may_be_asked_again(cast: Cast, alice: Poller, settings):
    settings.BACKLOG_LIMIT_BYTES = 1000
    await off_loop(_say, cast, "x" * 2000, "c1")
    question = {"t": "range", "s": str(cast.stream), "after": 0, "limit": 200}

    first, second = await alice.send(question | {"rid": 1}, question | {"rid": 2})

    assert (first["t"], first["rid"]) == ("range", 1)
    assert (second["code"], second["rid"]) == ("rate_limited", 2)


async def test_a_person_has_so_many_polls_open_and_asks_so_often(cast: Cast, alice: Poller, settings):
    settings.POLLS_PER_PERSON = 2
    question = {"want": [str(cast.stream)], "conn": "x", "wait_ms": 20_000}
    await alice.ask("/rt/poll", question)  # its own presence is told once
    waiting = [asyncio.create_task(alice.ask("/rt/poll", question)) for _ in range(2)]

    async def are_waiting() -> bool:
        hub = hubs().get(cast.stream)
        return hub is not None and len(hub.members) == 2

    await eventually(are_waiting)
    status, frames = await alice.ask("/rt/poll", question)
    assert (status, frames[0]["code"]) == (429, "rate_limited")
    await off_loop(_say, cast, "go on", "c1")
    assert [(await one)[0] for one in waiting] == [200, 200]

    settings.ASK_RATE = 3
    bob = Poller(await off_loop(sign_in, cast.bob))
    answers = [await bob.ask("/rt/poll", {"wait_ms": 0}) for _ in range(4)]
    assert [status for status, _ in answers] == [200, 200, 200, 429]
    assert answers[3][1][0]["retry_after_ms"] > 0


async def test_an_ended_session_is_not_believed_for_longer_than_a_recheck(cast: Cast, alice: Poller, settings):
    settings.RECHECK_S = 0.02
    await alice.poll(want=[str(cast.stream)], wait_ms=0)
    await off_loop(StoredSession.objects.all().delete)

    async def is_refused() -> bool:
        return (await alice.ask("/rt/poll", {"wait_ms": 0}))[0] == 401

    await eventually(is_refused)


async def test_a_body_that_claims_to_be_a_form_is_refused_and_no_fault(alice):
    alice.headers[-2:] = [(b"content-type", b"multipart/form-data")]

    assert (await alice.ask("/rt/poll", b"--"))[0] == 403


async def test_a_database_that_is_away_is_said_to_be(alice, monkeypatch):
    def away(key: str) -> None:
        raise OperationalError("the database system is starting up")

    monkeypatch.setattr(door, "identify", away)

    status, frames = await alice.ask("/rt/poll", {"wait_ms": 0})

    assert (status, [frame["code"] for frame in frames]) == (503, ["unavailable"])
