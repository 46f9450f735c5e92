"""Requests to addresses that people wrote down never go where only this machine's network answers."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy_core.errors import ReachError
from deploy_core.reach import http


@pytest.fixture
def server():
    """Answers 200 with what it was sent, a redirect on /away, nothing at all on /never, and a header that takes long on
    /drip."""

    class Ask(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/never":
                done.wait(10)
                return
            if self.path == "/drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(100):  # each byte is in time, all of them are not
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    done.wait(0.05)
                self.wfile.write(b"\r\nContent-Length: 0\r\n\r\n")
                return
            self.send_response(302 if self.path == "/away" else 200)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    done = threading.Event()
    found = ThreadingHTTPServer(("127.0.0.1", 0), Ask)
    found.daemon_threads = True
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}"
    done.set()
    found.shutdown()
    found.server_close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://hooks.example.org/a?b=c", ""),
        ("http://hooks.example.org/", "plain"),
        ("https://127.0.0.1/", "host"),
        ("https://[::1]/", "host"),
        ("https://[::ffff:10.0.0.1]/", "host"),
        ("https://[64:ff9b::a00:1]/", "host"),
        ("https://[64:ff9b::a9fe:a9fe]/", "host"),
        ("https://[64:ff9b::808:808]/", ""),
        ("https://[2002:a00:1::1]/", "host"),
        ("https://[2002:7f00:1::]/", "host"),
        ("https://[2001:0:a00:1::1]/", "host"),
        ("https://[::10.0.0.1]/", "host"),
        ("https://[2606:4700::1111]/", ""),
        ("https://10.1.2.3/", "host"),
        ("https://192.168.0.1/", "host"),
        ("https://169.254.169.254/latest", "host"),
        ("https://100.64.0.1/", "host"),
        ("https://localhost/", "host"),
        ("https://db/", "host"),
        ("https://metadata.google.internal/", "host"),
        ("https://user:pw@hooks.example.org/", "form"),
        ("file:///etc/passwd", "form"),
        ("gopher://x.example/", "form"),
        ("https://x.example/#a", "form"),
        ("https://x.example/a b", "form"),
        ("https://x.example:0/", "form"),
        ("https://x.example:99999/", "form"),
        ("https://", "form"),
        ("https://x.ex\u00e4mple/", "form"),
    ],
)
def test_where_a_request_may_go(url, reason):
    assert http.why_not_allowed(url) == reason


def test_a_host_inside_may_be_named(settings, server):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]

    answer = http.send("POST", f"{server}/x", headers={}, body=b"hello")

    assert (answer.status, answer.body) == (200, b"hello")


def test_a_name_that_leads_inside_is_refused_when_it_is_looked_up(settings, monkeypatch):
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)

    with pytest.raises(ReachError) as caught:
        http.send("POST", "https://good.example.org/", headers={})

    assert (caught.value.code, caught.value.params["reason"]) == ("address_refused", "host")


def test_where_the_first_address_of_a_name_is_dead_the_next_one_is_asked(settings, server, monkeypatch):
    settings.INTERNAL_HOSTS = ["hooks.inside"]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.99", "127.0.0.1")]
    monkeypatch.setattr(http.socket, "create_connection", _connect_by_hand)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    port = server.rpartition(":")[2]

    assert http.send("POST", f"http://hooks.inside:{port}/", headers={}, body=b"x").status == 200


def _connect_by_hand(address, timeout):
    made = socket.socket()
    made.settimeout(timeout)
    try:
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def test_no_redirect_is_followed_and_no_long_answer_read(settings, server):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]

    away = http.send("POST", f"{server}/away", headers={}, body=b"x" * 100, limit_bytes=10)

    assert (away.status, len(away.body)) == (302, 10)


def test_who_never_answers_is_given_up(settings, server):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]

    with pytest.raises(ReachError) as caught:
        http.send("POST", f"{server}/never", headers={}, timeout_s=0.2)

    assert caught.value.code == "unreachable"


def test_who_answers_byte_by_byte_is_given_up_in_the_same_time(settings, server):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]

    with pytest.raises(ReachError) as caught:
        http.send("POST", f"{server}/drip", headers={}, timeout_s=0.3)

    assert (caught.value.code, caught.value.params["detail"]) == ("unreachable", "0.3 s")


def test_nobody_there_is_said(settings):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]

    with pytest.raises(ReachError) as caught:
        http.send("POST", "http://127.0.0.1:1/", headers={})

    assert caught.value.code == "unreachable"
