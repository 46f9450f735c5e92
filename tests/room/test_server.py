"""The server as people run it: real sockets, limits that hold while bytes arrive, and a clean end."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.room.serving import ROOT, Serving, serving
from tests.services import buffering
from tests.waiting import wait_until

IS_SOAK = bool(os.environ.get("SHIPROOM_SOAK"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {
        "SHIPROOM_HEADER_TIMEOUT_S": "0.5",
        "SHIPROOM_BODY_TIMEOUT_S": "2",
        "SHIPROOM_SEND_RATE": "100000",
        "SHIPROOM_ASK_RATE": "100000",
        "SHIPROOM_BACKLOG_LIMIT_BYTES": "262144",
    }
    with serving(tmp_path_factory.mktemp("serve"), **settings) as running:
        yield running
        assert "Traceback" not in running.log


def _request(server: Serving, head: bytes, timeout_s: float = 20) -> bytes:
    """What comes back for raw bytes until the server closes."""
    with socket.create_connection(server.address, timeout=timeout_s) as raw:
        raw.sendall(head)
        return _rest(raw)


def _rest(raw: socket.socket) -> bytes:
    answer = b""
    try:
        while data := raw.recv(65_536):
            answer += data
    except ConnectionResetError:
        pass
    return answer


def test_a_line_is_seen_at_once_and_written_straight_to_the_socket(server: Serving):
    took = []
    with server.socket("alice") as alice, server.socket("bob") as bob:
        for n in range(5):
            began = time.perf_counter()
            alice.send({"t": "message", "cid": f"fast-{n}", "room": server.room, "text": "hello"})
            assert bob.next("event")["d"]["text"] == "hello"
            took.append(time.perf_counter() - began)

    assert min(took) < 0.1
    assert "bob is connected by a DirectWire" in server.log


def test_a_long_text_in_any_script_comes_through(server: Serving):
    text = "字😀" * 4000
    with server.socket("alice") as alice, server.socket("bob") as bob:
        alice.say(text, "long")

        assert bob.next("event")["d"]["text"] == text


@pytest.mark.parametrize("kind", ["announced", "chunked"])
def test_a_body_above_the_limit_is_refused_while_it_arrives(server: Serving, kind):
    before = server.resident_kib
    size = (300 if IS_SOAK else 100) * 1024 * 1024
    length = f"Content-Length: {size}" if kind == "announced" else "Transfer-Encoding: chunked"
    piece = b"x" * 65_536
    chunk = piece if kind == "announced" else b"10000\r\n" + piece + b"\r\n"
    with socket.create_connection(server.address, timeout=20) as raw:
        raw.sendall(f"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n\r\n".encode())
        answer = bytearray()
        reader = threading.Thread(target=lambda: answer.extend(_rest(raw)))
        reader.start()
        try:
            for _ in range(size // len(piece)):
                raw.sendall(chunk)
                if answer:
                    break
        except OSError:
            pass
        reader.join(20)

    assert answer.startswith(b"HTTP/1.1 413")
    assert server.resident_kib - before < 20 * 1024


@pytest.mark.parametrize("head", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: 1"])
def test_half_a_head_does_not_hold_a_connection(server: Serving, head):
    began = time.monotonic()

    assert _request(server, head) == b""

    assert time.monotonic() - began < 10


@pytest.mark.parametrize("length", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_a_body_that_drips_does_not_hold_a_connection(server: Serving, length):
    with socket.create_connection(server.address, timeout=20) as raw:
        raw.sendall(f"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n\r\n".encode())
        answer = bytearray()
        reader = threading.Thread(target=lambda: answer.extend(_rest(raw)))
        reader.start()
        with contextlib.suppress(OSError):
            while reader.is_alive():
                raw.sendall(b"1\r\nx\r\n")
                reader.join(0.1)
        reader.join(20)

    assert answer.startswith(b"HTTP/1.1 408")


def test_a_body_that_is_only_slow_arrives(server: Serving):
    head = b"POST /rt/poll HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 20\r\n\r\n"
    with socket.create_connection(server.address, timeout=20) as raw:
        raw.sendall(head)
        for _ in range(20):
            raw.sendall(b"x")
            threading.Event().wait(0.02)

        assert _rest(raw).startswith(b"HTTP/1.1 403")  # it was heard to its end, and is of no page of ours


def test_through_a_proxy_that_buffers_whole_answers_no_socket_opens_and_the_poll_tells_everything_once(server: Serving):
    heard: list[dict] = []
    conn, cursor = None, None

    def ask(client: httpx.Client, path: str, question: dict) -> list[dict]:
        answer = client.post(path, json=question)
        assert answer.status_code == 200, answer.text
        return answer.json()["frames"]

    def poll(client: httpx.Client) -> None:
        nonlocal conn, cursor
        resume = [cursor] if cursor else []
        asked = {"conn": conn, "resume": resume, "want": [stream], "wait_ms": 20_000 if conn else 0}
        for frame in ask(client, "/rt/poll", asked):
            if frame["t"] == "welcome":
                conn = frame["conn"]
                cursor = {"s": stream, "e": frame["streams"][0]["e"], "q": frame["streams"][0]["head"]}
            elif frame["t"] == "event" and frame["s"] == stream:
                assert frame["q"] == cursor["q"] + 1
                cursor["q"] = frame["q"]
                heard.append(frame["d"])

    stream, token = f"room:{server.room}", "t" * 32
    cookie = f"session={server.keys['alice']}"
    headers = {"Host": server.url.removeprefix("http://"), "Origin": server.url, "X-CSRFToken": token}
    with buffering.before(server.address) as port, server.socket("bob") as bob:
        with pytest.raises(TimeoutError):
            connect(
                server.url.replace("http", "ws", 1) + "/rt/ws", sock=socket.create_connection(("127.0.0.1", port)),
                origin=server.url, additional_headers={"Cookie": cookie}, proxy=None, open_timeout=1,
            )  # fmt: skip
        headers["Cookie"] = f"{cookie}; csrf={token}"
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=30) as client:
            poll(client)
            telling = threading.Timer(0.3, bob.say, ("told through a buffer", "buffered-1"))  # while the poll waits
            telling.start()
            while not heard:
                poll(client)
            telling.join()
            said = {"t": "message", "cid": "buffered-2", "room": server.room, "text": "said through a buffer"}
            acks = [ask(client, "/rt/send", {"frames": [said]})[0] for _ in range(2)]
            while len(heard) < 2:
                poll(client)

    assert [each["text"] for each in heard] == ["told through a buffer", "said through a buffer"]
    assert [(ack["t"], ack["q"], ack.get("dup", False)) for ack in acks] == [
        ("ack", cursor["q"], False),
        ("ack", cursor["q"], True),
    ]


def test_a_health_check_needs_no_session(server: Serving):
    answer = _request(server, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"daphne" not in answer.lower()


def test_the_database_refuses_to_change_or_remove_what_was_audited(server: Serving):
    row = "(1000, '2026-01-01', 'act', 'target', 'done', '{}', '', 'hash')"
    columns = "(number, at, action, target, outcome, params, previous_hash, hash)"
    with contextlib.closing(sqlite3.connect(server.data / "app.db", timeout=20)) as rows:
        rows.execute(f"INSERT INTO deploy_core_auditentry {columns} VALUES {row}")

        for change in ("UPDATE deploy_core_auditentry SET outcome = 'other'", "DELETE FROM deploy_core_auditentry"):
            with pytest.raises(sqlite3.IntegrityError, match="rows of the audit are never"):
                rows.execute(change)
        rows.rollback()


def _text_frame(payload: bytes, opcode: int = 0x81) -> bytes:
    """A masked frame, as a client sends it; the mask is zero."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BQ", 0xFF, size)
    return bytes((opcode,)) + length + b"\0\0\0\0" + payload


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(_text_frame(b"x" * (1024 * 1024 + 1)), id="1 MiB and a byte"),
        pytest.param(_text_frame(b"\xff\xfe"), id="no UTF-8"),
        pytest.param(b"\x81\x02hi", id="not masked"),
    ],
)
def test_what_is_no_websocket_frame_ends_its_socket_alone(server: Serving, raw):
    before = server.resident_kib
    with server.socket("bob") as bob:
        with server.socket("alice") as alice:
            with contextlib.suppress(OSError):
                alice.line.socket.sendall(raw)
            with pytest.raises(ConnectionClosed):
                alice.next("nothing any more")

        assert bob.say("still here", f"after-{len(raw)}")["result"] == "posted"
    assert server.resident_kib - before < 5 * 1024


def test_a_frame_somewhat_too_large_is_told_why(server: Serving):
    with server.socket("alice") as alice:
        assert alice.say("x" * 65_537, "large")["code"] == "too_large"

        with pytest.raises(ConnectionClosed) as closed:
            alice.next("nothing any more")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_sockets_without_a_session_are_refused_at_the_handshake(server: Serving):
    count = 2000 if IS_SOAK else 200
    be_refused(server, count // 2)  # what the first ones make a process load and keep is no growth
    before = server.resident_kib

    be_refused(server, count)

    assert server.resident_kib - before < 20 * 1024


def be_refused(server: Serving, count: int) -> None:
    """Knock so often without a session, one after the other."""
    address = server.url.replace("http", "ws", 1) + "/rt/ws"
    for _ in range(count):
        with pytest.raises(InvalidStatus) as refused, connect(address, origin=server.url, proxy=None):
            pass
        assert refused.value.response.status_code == 403


def test_a_reader_that_does_not_read_is_dropped_and_catches_up_later(server: Serving):
    lines = 220  # more than the kernel takes for a reader that is gone
    with server.socket("alice") as alice, server.socket("bob") as bob, socket.socket() as deaf:
        start = alice.say("from here on", "deaf-start")["q"]
        open_deaf(server, deaf)
        took = []
        for n in range(lines):
            began = time.perf_counter()
            alice.say("字" * 8000, f"deaf-{n}")
            bob.next("event")
            took.append(time.perf_counter() - began)

        wait_until(lambda: "dropped a reader" in server.log, what="the deaf reader is dropped")
        assert sorted(took)[int(lines * 0.9)] < 1

        seen: list[int] = []
        while len(seen) < lines:
            after = seen[-1] if seen else start
            bob.send({"t": "range", "rid": 1, "s": f"room:{server.room}", "after": after, "limit": 200})
            seen += [event["q"] for event in bob.next("range")["events"]]
        assert seen == list(range(start + 1, start + 1 + lines))


def open_deaf(server: Serving, raw: socket.socket) -> None:
    """Open a socket by hand that says hello and then reads nothing, with little room in the kernel."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(server.address)
    head = [
        "GET /rt/ws HTTP/1.1",
        f"Host: {server.url.removeprefix('http://')}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Origin: {server.url}",
        f"Cookie: session={server.keys['bob']}",
    ]
    raw.sendall("\r\n".join([*head, "", ""]).encode())
    assert raw.recv(4096).startswith(b"HTTP/1.1 101")
    raw.sendall(_text_frame(json.dumps({"t": "hello", "v": 1, "want": [f"room:{server.room}"]}).encode()))


def test_a_second_server_on_the_same_data_says_so_and_stops(server: Serving):
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", "0"],
        cwd=ROOT, env=server.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "another process runs the engine" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_says_goodbye_and_ends_the_process_soon(server: Serving, number):
    assert server.process is not None
    with server.socket("alice") as alice:
        began = time.monotonic()
        server.process.send_signal(number)

        assert alice.next("bye")["code"] == 1012
        with pytest.raises(ConnectionClosed) as closed:
            alice.line.recv(timeout=20)
        assert server.process.wait(20) == 0
        took = time.monotonic() - began
    server.start()

    assert took < 10
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
