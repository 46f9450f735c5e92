"""Rows of tests/cases/bad_inputs.tsv, area ws-handshake: who is let in."""

import csv

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session as StoredSession
from django.db import OperationalError

from chatops.room import door
from deploy_core.models import AuditEntry
from tests.room.conftest import WAIT_S, Cast, headers_of, off_loop, sign_in
from tests.room.test_bad_frames import CASES


def _origins():
    with CASES.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0] == "ws-handshake"]
    return [row[1].removeprefix("Origin: ").split(" ")[0] for row in rows if row[1].startswith("Origin: ")]


async def _is_let_in(headers: list[tuple[bytes, bytes]], path: str = "/rt/ws") -> bool:
    from chatops.asgi import application

    socket = WebsocketCommunicator(application, path, headers=headers)
    accepted, _ = await socket.connect(timeout=WAIT_S)
    if accepted:
        await socket.disconnect(timeout=WAIT_S)
    return accepted


def _headers(key: str, **given: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in given.items()] + [
        (b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={key}".encode())
    ]


@pytest.fixture
def key(cast: Cast) -> str:
    return sign_in(cast.alice)


@pytest.mark.parametrize("origin", _origins())
async def test_a_page_that_is_not_ours_is_refused_and_audited(key, settings, origin):
    settings.PUBLIC_URL = "https://chat.example.com"

    assert not await _is_let_in(_headers(key, origin=origin))

    refused = await off_loop(AuditEntry.objects.get)
    assert (refused.action, refused.outcome, refused.params) == ("socket.open", "bad_origin", {"origin": origin})


@pytest.mark.parametrize(
    "origin", ["https://chat.example.com", "https://chat.example.com:443", "https://CHAT.example.com"]
)
async def test_our_own_page_is_let_in(key, settings, origin):
    settings.PUBLIC_URL = "https://chat.example.com/"

    assert await _is_let_in(_headers(key, origin=origin))


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:8000"])
async def test_without_a_public_address_every_name_of_this_machine_is_ours(key, settings, origin):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.OWN_ORIGINS = ("http://127.0.0.1:8000", "http://localhost:8000")

    assert await _is_let_in(_headers(key, origin=origin))
    assert not await _is_let_in(_headers(key, origin="http://localhost:8001"))


async def test_no_origin_or_two_of_them_are_refused(key):
    own = headers_of(key)

    assert not await _is_let_in([header for header in own if header[0] != b"origin"])
    assert not await _is_let_in([*own, (b"origin", b"https://evil.example")])
    assert await _is_let_in(own)


async def test_a_session_that_has_ended_is_refused(key):
    await off_loop(StoredSession.objects.all().delete)

    assert not await _is_let_in(headers_of(key))


@pytest.mark.parametrize("path", ["/rt/ws?token=secret", "/rt/ws"])
async def test_no_cookie_is_no_way_in_and_a_token_in_the_address_is_none(cast: Cast, path):
    own = [header for header in headers_of("") if header[0] != b"cookie"]

    assert not await _is_let_in(own, path)


@pytest.mark.parametrize("cookie", ["nonsense", "x" * 5000, "\xff", "'; DROP TABLE"])
async def test_a_made_up_session_is_refused(cast: Cast, cookie):
    headers = [(b"origin", django_settings.PUBLIC_URL.encode()), (b"cookie", b"session=" + cookie.encode("latin1"))]

    assert not await _is_let_in(headers)


async def test_there_is_no_other_socket(key):
    assert not await _is_let_in(headers_of(key), "/rt/other")


async def test_while_the_database_is_away_a_socket_is_told_to_come_again(key, settings, monkeypatch):
    from chatops.asgi import application

    def away(key: str) -> None:
        raise OperationalError("the database system is starting up")

    monkeypatch.setattr(door, "identify", away)
    socket = WebsocketCommunicator(application, "/rt/ws", headers=_headers(key, origin=settings.PUBLIC_URL))

    assert await socket.connect(timeout=WAIT_S) == (True, None)
    assert await socket.receive_output(timeout=WAIT_S) == {"type": "websocket.close", "code": 1013}
