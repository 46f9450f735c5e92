"""Stand-ins for the ports of the core."""

import io
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

from deploy_core.errors import Cancelled, CommandFailed, ConnectionLost
from deploy_core.reach.connection import (
    COMMAND_S,
    CONNECT_S,
    OUTPUT_LIMIT_BYTES,
    OnLine,
    Result,
    ServerAddress,
    Tunnel,
    never,
    nobody,
)
from deploy_core.rules.shell import Command

#: `(exit status, stdout, stderr)`.
Said = tuple[int, str, str]


class FakeConnection:
    """A `Connection` to a server that is a dictionary of files and a table of answers.

    `answers` gives what a command says, by the command itself; what it does not know succeeds silently. `ran` are the
    commands so far, `given` the stdin of the last one, `tunnels` what `open_tunnel` opens by port.
    """

    def __init__(
        self,
        name: str = "web-1",
        *,
        answers: Mapping[Command, Said] | None = None,
        tunnels: Mapping[int, Callable[[], Tunnel]] | None = None,
    ) -> None:
        self.server = ServerAddress(name, "127.0.0.1", 22, "deploy", "ssh-ed25519 AAAA")
        self.answers = dict(answers or {})
        self.tunnels = dict(tunnels or {})
        self.files: dict[str, bytes] = {}
        self.ran: list[Command] = []
        self.given = b""
        self.is_open = True

    def run(
        self,
        command: Command,
        *,
        name: str = "",
        variables: Mapping[str, str] | None = None,
        stdin: bytes | Iterable[bytes] | None = None,
        on_line: OnLine = nobody,
        timeout_s: float = COMMAND_S,
        limit_bytes: int = OUTPUT_LIMIT_BYTES,
        stop: Callable[[], bool] = never,
    ) -> Result:
        self._use()
        if stop():
            raise Cancelled(server=self.server.name, command=name)
        self.ran.append(command)
        self.given = stdin if isinstance(stdin, bytes) else b"".join(stdin or ())
        status, out, err = self.answers.get(command, (0, "", ""))
        for stream, text in (("o", out), ("e", err)):
            for line in text.splitlines():
                on_line(stream, line)
        return Result(self.server.name, status, out, err)

    def get(self, path: str, *, limit_bytes: int = OUTPUT_LIMIT_BYTES, timeout_s: float = COMMAND_S) -> bytes:
        self._use()
        if path not in self.files:
            raise CommandFailed(server=self.server.name, command=f"get {path}", exit_status=1, tail="No such file")
        if len(self.files[path]) > limit_bytes:
            raise CommandFailed("file_too_large", server=self.server.name, path=path, limit_bytes=limit_bytes)
        return self.files[path]

    def open_tunnel(self, port: int, *, timeout_s: float = CONNECT_S) -> Tunnel:
        self._use()
        if port not in self.tunnels:
            raise CommandFailed("tunnel_refused", server=self.server.name, port=port, detail="Connect failed")
        return self.tunnels[port]()

    def close(self) -> None:
        self.is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def _use(self) -> None:
        if not self.is_open:
            raise ConnectionLost(server=self.server.name, command="", detail="closed")


class FakeTunnel:
    """A stream that has heard `sent` and answers `answer`, a few bytes at a time."""

    def __init__(self, answer: bytes, piece_bytes: int = 16) -> None:
        self.sent = b""
        self._answer = io.BytesIO(answer)
        self._piece_bytes = piece_bytes

    def settimeout(self, timeout: float | None, /) -> None:
        return

    def sendall(self, data: bytes, /) -> None:
        self.sent += data

    def recv(self, size: int, /) -> bytes:
        return self._answer.read(min(size, self._piece_bytes))

    def close(self) -> None:
        self._answer.close()
