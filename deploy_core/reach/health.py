"""Is the app well? Asked over HTTP, through the SSH connection, of the server's own loopback."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy_core.errors import Cancelled, CommandFailed, CommandTimeout, ReachError

from .connection import Connection, OnLine, Tunnel, never, nobody
from .lines import readable

#: One question: connect, send, and hear the status.
ASK_S = 5.0
ANSWER_BYTES = 64 * 1024
BODY_BYTES = 1024
TURN_S = 0.1


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """`GET http://127.0.0.1:<port><path>` shall answer `status`."""

    port: int
    path: str = "/"
    status: int = 200


@dataclass(frozen=True, slots=True)
class _Answer:
    """`status` is 0 when there was no HTTP answer; `said` is for a person either way."""

    status: int
    said: str


def wait_until_healthy(
    connection: Connection,
    check: HttpCheck,
    *,
    timeout_s: float,
    interval_s: float,
    on_line: OnLine = nobody,
    stop: Callable[[], bool] = never,
) -> None:
    """Ask until the answer is right. Each new answer is a line.

    Raises:
        ReachError: `health_failed` after `timeout_s`, with the last `answer` and the number of `attempts`.
        Cancelled: `stop` said so.
        ConnectionLost: the SSH connection ended.
    """
    end = time.monotonic() + timeout_s
    attempts, last = 0, ""
    while True:
        answer = _ask(connection, check, max(0.1, min(ASK_S, end - time.monotonic())))
        attempts += 1
        if answer.said != last:
            on_line("o" if answer.status == check.status else "e", f"GET {check.path}: {answer.said}")
            last = answer.said
        if answer.status == check.status:
            return
        if time.monotonic() + interval_s > end:
            raise ReachError(
                "health_failed",
                server=connection.server.name,
                port=check.port,
                path=check.path,
                expected=check.status,
                answer=answer.said,
                attempts=attempts,
            )
        _pause(interval_s, connection.server.name, stop)


def _pause(seconds: float, server: str, stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while True:
        if stop():
            raise Cancelled(server=server, command="health")
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, TURN_S))


def _ask(connection: Connection, check: HttpCheck, patience_s: float) -> _Answer:
    end = time.monotonic() + patience_s
    try:
        tunnel = connection.open_tunnel(check.port, timeout_s=patience_s)
    except CommandFailed as error:
        return _Answer(0, f"nothing answers on port {check.port} ({error.params.get('detail', '')})")
    except CommandTimeout:
        return _Answer(0, f"no connection to port {check.port} in {patience_s:g} s")
    try:
        tunnel.settimeout(patience_s)
        tunnel.sendall(
            f"GET {check.path} HTTP/1.1\r\nHost: 127.0.0.1:{check.port}\r\nUser-Agent: shiproom\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        return _parsed(_heard(tunnel, end, check.status))
    except TimeoutError:
        return _Answer(0, f"no answer in {patience_s:g} s")
    except (OSError, EOFError) as error:
        return _Answer(0, f"the connection broke ({error})")
    finally:
        tunnel.close()


def _heard(tunnel: Tunnel, end: float, wanted: int) -> bytes:
    """The answer's head and, if it is a wrong one, the beginning of its body, which may tell why."""
    data = b""
    while len(data) < ANSWER_BYTES:
        head, blank, body = data.partition(b"\r\n\r\n")
        if blank and (_status(head) == wanted or len(body) > BODY_BYTES):
            break
        try:
            tunnel.settimeout(max(0.05, end - time.monotonic()))
            piece = tunnel.recv(ANSWER_BYTES)
        except TimeoutError:
            if not blank:
                raise
            break
        if not piece:
            break
        data += piece
    return data


def _status(head: bytes) -> int:
    """The status of an HTTP answer, 0 if it is none."""
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    return int(words[1]) if words[0].startswith(b"HTTP/1.") and len(words) > 1 and words[1].isdigit() else 0


def _parsed(data: bytes) -> _Answer:
    """`HTTP/1.1 503 Service Unavailable` and the beginning of the body, or what came instead."""
    head, _, body = data.partition(b"\r\n\r\n")
    line = head.partition(b"\r\n")[0].decode("latin-1")
    status = _status(head)
    if not status:
        return _Answer(0, f"no HTTP answer: {line[:80]!r}" if data else "an empty answer")
    said = readable(line.partition(" ")[2])
    text = [readable(it) for it in body.decode("utf-8", "replace").splitlines() if it.strip()]
    return _Answer(status, f"{said}: {text[0][:120]}" if text else said)
