"""The headers of every response, and what a log line looks like."""

import logging

import pytest
from django.http import HttpResponse

from chatops.logs import OneLine
from chatops.middleware import content_security_policy, no_nul
from chatops.proxy import client_address

STRICT = ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'")


def test_every_response_forbids_inline_code(rf):
    response = content_security_policy(lambda request: HttpResponse())(rf.get("/"))

    directives = response["Content-Security-Policy"].split("; ")
    assert set(STRICT) <= set(directives)
    assert "unsafe" not in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("address", "cookie", "status"),
    [("/rooms/a%00b/", "", 404), ("/deployments/?app=a%00b", "", 400), ("/healthz?a%00=1", "", 400),
     ("/healthz", "a\x00b", 400), ("/healthz", "ab", 200)],
)  # fmt: skip
def test_nul_is_turned_away_before_any_database_sees_it(client, db, address, cookie, status):
    client.cookies["session"] = cookie

    response = client.get(address)

    assert response.status_code == status
    assert "Content-Security-Policy" in response


async def test_nul_is_turned_away_from_a_loop_too(rf):
    async def page(request):
        return HttpResponse()

    assert (await no_nul(page)(rf.get("/?q=%00"))).status_code == 400
    assert (await no_nul(page)(rf.get("/?q=0"))).status_code == 200


async def test_the_policy_is_sent_from_a_loop_too(rf):
    async def page(request):
        return HttpResponse()

    response = await content_security_policy(page)(rf.get("/"))

    assert "script-src 'self'" in response["Content-Security-Policy"]


def test_a_response_may_bring_a_policy_of_its_own(rf):
    own = HttpResponse(headers={"Content-Security-Policy": "sandbox"})
    response = content_security_policy(lambda request: own)(rf.get("/"))

    assert response["Content-Security-Policy"] == "sandbox"


def _line(text: str, *args: object) -> str:
    return OneLine().format(logging.LogRecord("room", logging.INFO, __file__, 1, text, args, None))


def test_what_somebody_typed_cannot_start_a_second_line():
    line = _line("said %s", "hello\n2026-01-01T00:00:00Z ERROR room: forged\r\x1b[2J")

    assert line.endswith("Z INFO room: said hello\\n2026-01-01T00:00:00Z ERROR room: forged\\r\\x1b[2J")


def test_a_sign_in_link_is_not_written_to_the_log():
    line = _line("Gone: %s", "/accounts/link/q8Zr_Kt-1xY/")

    assert line.endswith("Gone: /accounts/link/***/")


@pytest.mark.parametrize(
    ("is_production", "peer", "forwarded", "found"),
    [
        (True, "127.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (True, "10.0.0.2", "203.0.113.7", "203.0.113.7"),
        (True, "198.51.100.4", "203.0.113.7", "198.51.100.4"),
        (True, "127.0.0.1", "forged", "127.0.0.1"),
        (True, "127.0.0.1", "", "127.0.0.1"),
        (False, "127.0.0.1", "203.0.113.7", "127.0.0.1"),
    ],
    ids=["own proxy", "named proxy", "no proxy", "no address", "no header", "not behind one"],
)
def test_a_proxys_word_about_the_address_is_believed_and_nobody_elses(
    rf, settings, is_production, peer, forwarded, found
):
    settings.IS_PRODUCTION, settings.PROXIES = is_production, ["10.0.0.2"]
    request = rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == found
