"""Health: asked through the connection until the answer is right."""

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from deploy_core.errors import Cancelled, ConnectionLost, ReachError
from deploy_core.reach.connection import Connection
from deploy_core.reach.health import HttpCheck, wait_until_healthy
from tests.fakes import FakeConnection, FakeTunnel
from tests.reach.wires import tcp_server


def ask(connection: Connection, port: int = 80, *, timeout_s: float = 0.2, **check) -> list[tuple[str, str]]:
    heard: list[tuple[str, str]] = []
    wait_until_healthy(
        connection,
        HttpCheck(port, **check),
        timeout_s=timeout_s,
        interval_s=0.05,
        on_line=lambda stream, text: heard.append((stream, text)),
    )
    return heard


def answering(*answers: bytes) -> FakeConnection:
    """A server whose app gives these answers in turn, and then the last one for ever."""
    left = list(answers)
    return FakeConnection(tunnels={80: lambda: FakeTunnel(left.pop(0) if len(left) > 1 else left[0])})


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"


def test_the_right_answer_is_enough(tmp_path):
    assert ask(answering(OK), path="/healthz") == [("o", "GET /healthz: 200 OK")]


def test_the_question_is_plain_http():
    tunnel = FakeTunnel(OK)

    ask(FakeConnection(tunnels={80: lambda: tunnel}), path="/healthz?deep=1")

    assert tunnel.sent.startswith(b"GET /healthz?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
    assert tunnel.sent.endswith(b"\r\n\r\n")


def test_it_asks_again_until_the_answer_is_right():
    connection = answering(b"", b"HTTP/1.1 503 Service Unavailable\r\n\r\nwarming up", OK)

    assert ask(connection, timeout_s=20) == [
        ("e", "GET /: an empty answer"),
        ("e", "GET /: 503 Service Unavailable: warming up"),
        ("o", "GET /: 200 OK"),
    ]


def test_the_same_answer_is_one_line():
    connection = answering(*[b"HTTP/1.1 503 Busy\r\n\r\n"] * 5, OK)

    assert len(ask(connection, timeout_s=20)) == 2


def test_another_status_may_be_the_right_one():
    assert ask(answering(b"HTTP/1.1 204 No Content\r\n\r\n"), status=204) == [("o", "GET /: 204 No Content")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 500 Oops\r\n\r\nTraceback\nline two", "500 Oops: Traceback"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", "301 Moved"),
        (b"HTTP/1.0 404\r\n\r\n", "404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP answer: 'SSH-2.0-OpenSSH_9.2'"),
        (b"HTTP/1.1 abc\r\n\r\n", "no HTTP answer: 'HTTP/1.1 abc'"),
        (b"\xff\xfe\x00" * 10, "no HTTP answer: "),
        (b"", "an empty answer"),
    ],
)
def test_the_last_wrong_answer_is_told(answer, said):
    with pytest.raises(ReachError) as caught:
        ask(answering(answer), path="/healthz")

    assert caught.value.code == "health_failed"
    assert str(caught.value.params["answer"]).startswith(said)
    assert caught.value.params["server"] == "web-1"
    assert (caught.value.params["path"], caught.value.params["expected"]) == ("/healthz", 200)
    assert caught.value.params["attempts"] >= 2


def test_a_port_where_nothing_listens_is_told():
    with pytest.raises(ReachError) as caught:
        ask(FakeConnection())

    assert str(caught.value.params["answer"]).startswith("nothing answers on port 80")


def test_a_cancel_ends_the_asking():
    with pytest.raises(Cancelled):
        wait_until_healthy(FakeConnection(), HttpCheck(80), timeout_s=60, interval_s=30, stop=lambda: True)


def test_a_lost_connection_is_no_sick_app():
    connection = FakeConnection()
    connection.close()

    with pytest.raises(ConnectionLost):
        ask(connection)


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def web_port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_real_app_is_asked_through_a_real_connection(connection: Connection, web_port: int):
    assert ask(connection, web_port, path="/healthz", timeout_s=20) == [("o", "GET /healthz: 200 OK")]
    with pytest.raises(ReachError) as caught:
        ask(connection, web_port, path="/other")
    assert caught.value.params["answer"] == "404 Not Found"


def test_an_app_that_accepts_and_says_nothing_is_given_up_in_time(connection: Connection):
    def silent(peer: socket.socket) -> None:
        while peer.recv(4096):
            pass

    with tcp_server(silent) as port, pytest.raises(ReachError) as caught:
        ask(connection, port, timeout_s=0.3)

    assert str(caught.value.params["answer"]).startswith("no answer in")
