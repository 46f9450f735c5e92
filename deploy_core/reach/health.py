"""Is the app well? Asked of the server's own loopback through the SSH connection, or by a command on the server."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
class TcpCheck:
    """Something listens on 127.0.0.1:<port>."""

    port: int


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """`run` ends without an error on a connection, within the seconds it is given."""

    name: str
    run: Callable[[Connection, float], None]


Check = HttpCheck | TcpCheck | CommandCheck


@dataclass(frozen=True, slots=True)
class _Answer:
    """`said` is for a person."""

    is_well: bool
    said: str


def wait_until_healthy(
    connection: Connection,
    check: Check,
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
            on_line("o" if answer.is_well else "e", f"{_question(check)}: {answer.said}")
            last = answer.said
        if answer.is_well:
            return
        if time.monotonic() + interval_s > end:
            raise ReachError(
                "health_failed",
                server=connection.server.name,
                answer=answer.said,
                attempts=attempts,
                **_told(check),
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


def _question(check: Check) -> str:
    """What is asked, for a person."""
    match check:
        case HttpCheck():
            return f"GET {check.path}"
        case TcpCheck():
            return f"port {check.port}"
        case CommandCheck():
            return check.name


def _told(check: Check) -> dict[str, Any]:
    """What was asked, for the error's parameters."""
    match check:
        case HttpCheck():
            return {"path": check.path, "port": check.port, "expected": check.status}
        case TcpCheck():
            return {"path": _question(check), "port": check.port}
        case CommandCheck():
            return {"path": check.name}


def _ask(connection: Connection, check: Check, patience_s: float) -> _Answer:
    if isinstance(check, CommandCheck):
        return _run(connection, check, patience_s)
    end = time.monotonic() + patience_s
    try:
        tunnel = connection.open_tunnel(check.port, timeout_s=patience_s)
    except CommandFailed as error:
        return _Answer(False, f"nothing answers on port {check.port} ({error.params.get('detail', '')})")
    except CommandTimeout:
        return _Answer(False, f"no connection to port {check.port} in {patience_s:g} s")
    try:
        if isinstance(check, TcpCheck):
            return _Answer(True, "something listens")
        tunnel.settimeout(patience_s)
        tunnel.sendall(
            f"GET {check.path} HTTP/1.1\r\nHost: 127.0.0.1:{check.port}\r\nUser-Agent: shiproom\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        return _parsed(_heard(tunnel, end, check.status), check.status)
    except TimeoutError:
        return _Answer(False, f"no answer in {patience_s:g} s")
    except (OSError, EOFError) as error:
        return _Answer(False, f"the connection broke ({error})")
    finally:
        tunnel.close()


def _run(connection: Connection, check: CommandCheck, patience_s: float) -> _Answer:
    try:
        check.run(connection, patience_s)
    except CommandTimeout:
        return _Answer(False, f"did not end in {patience_s:g} s")
    except CommandFailed as error:
        return _Answer(False, f"exit status {error.params.get('exit_status')}")
    return _Answer(True, "exit status 0")


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


def _parsed(data: bytes, wanted: int) -> _Answer:
    """`HTTP/1.1 503 Service Unavailable` and the beginning of the body, or what came instead."""
    head, _, body = data.partition(b"\r\n\r\n")
    line = head.partition(b"\r\n")[0].decode("latin-1")
    status = _status(head)
    if not status:
        return _Answer(False, f"no HTTP answer: {line[:80]!r}" if data else "an empty answer")
    said = readable(line.partition(" ")[2])
    text = [readable(it) for it in body.decode("utf-8", "replace").splitlines() if it.strip()]
    return _Answer(status == wanted, f"{said}: {text[0][:120]}" if text else said)
