"""An open connection: commands, single files, tunnels."""

import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import paramiko

from deploy_core.errors import Cancelled, CommandFailed, CommandTimeout, ConnectionLost, OutputLimit
from deploy_core.reach.command import Conversation
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
from deploy_core.reach.masking import Masker
from deploy_core.rules import shell

from .transport import LOST, Transport, detail, left, through

#: To find and kill the process group of a command that has to end.
KILL_S = 10.0
#: For a command that has to end to tell its process group, if it was just started.
GROUP_S = 2.0
#: Between asking a process group to end and ending it.
GRACE_S = 2.0
PIECE_BYTES = 256 * 1024


class Session:
    """The `Connection` over SSH. One thread at a time."""

    def __init__(self, server: ServerAddress, transport: Transport, mask: Masker, way: "Session | None" = None) -> None:
        self.server = server
        self._transport = transport
        self._mask = mask
        self._way = way

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        # Closing says goodbye; a peer that reads nothing shall not keep us.
        self._transport.packetizer.write_end = time.monotonic() + 1.0
        self._transport.end()
        if self._way:
            self._way.close()

    def lead_to(self, name: str, host: str, port: int, end: float) -> socket.socket:
        """A connection from here to another server, for the handshake with it.

        Raises:
            Unreachable: this server does not reach it.
        """
        return through(self._transport, name, host, port, end)

    def run(
        self,
        command: shell.Command,
        *,
        name: str = "",
        variables: Mapping[str, str] | None = None,
        stdin: bytes | Iterable[bytes] | None = None,
        on_line: OnLine = nobody,
        timeout_s: float = COMMAND_S,
        limit_bytes: int = OUTPUT_LIMIT_BYTES,
        stop: Callable[[], bool] = never,
    ) -> Result:
        counts, ahead = shell.variable_lines(variables or {})
        mark = secrets.token_hex(12)
        what = name or shell.summary(command)
        with self._limited(what, timeout_s) as end, self._channel(end) as channel:
            talk = Conversation(
                channel,
                server=self.server.name,
                command=what,
                mark=mark,
                mask=self._mask,
                on_line=on_line,
                end=end,
                timeout_s=timeout_s,
                limit_bytes=limit_bytes,
                stop=stop,
            )
            line = shell.wrapped(command, mark, counts, has_stdin=stdin is not None)
            self._transport.request(channel, "exec", line)
            try:
                status = talk.hold(_pieces(ahead, stdin))
            except (ConnectionLost, *LOST):
                raise
            except BaseException as error:
                self._end_group(talk)
                if isinstance(error, CommandTimeout | OutputLimit | Cancelled):
                    error.params = {**error.params, "tail": talk.tail}
                raise
        return Result(self.server.name, status, talk.out.tail, talk.err.tail)

    def get(self, path: str, *, limit_bytes: int = OUTPUT_LIMIT_BYTES, timeout_s: float = COMMAND_S) -> bytes:
        with self._sftp(f"get {path}", timeout_s) as files, files.open(path, "rb") as file:
            size = file.stat().st_size or 0
            if size > limit_bytes:
                raise CommandFailed("file_too_large", server=self.server.name, path=path, limit_bytes=limit_bytes)
            file.prefetch(size)
            content: bytes = file.read(size)
            return content

    def open_tunnel(self, port: int, *, timeout_s: float = CONNECT_S) -> Tunnel:
        with self._limited(f"tunnel to port {port}", timeout_s) as end:
            try:
                return self._transport.open_channel(
                    "direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 0), timeout=left(end)
                )
            except paramiko.ChannelException as error:
                raise CommandFailed("tunnel_refused", server=self.server.name, port=port, detail=error.text) from error

    # --- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _limited(self, what: str, timeout_s: float) -> Iterator[float]:
        """Gives the deadline of one operation; what the library raises leaves as one of our errors.

        Until a little after the deadline (killing takes a moment) a write waits for a peer that stopped reading.
        """
        end = time.monotonic() + timeout_s
        self._transport.packetizer.write_end = end + KILL_S
        try:
            yield end
        except LOST as error:
            if time.monotonic() >= end:
                raise CommandTimeout(server=self.server.name, command=what, seconds=timeout_s) from error
            raise ConnectionLost(server=self.server.name, command=what, detail=detail(error)) from error
        finally:
            self._transport.packetizer.write_end = float("inf")

    @contextmanager
    def _channel(self, end: float) -> Iterator[paramiko.Channel]:
        channel = self._transport.open_channel("session", timeout=left(end))
        try:
            yield channel
        finally:
            channel.close()

    @contextmanager
    def _sftp(self, what: str, timeout_s: float) -> Iterator[paramiko.SFTPClient]:
        """An SFTP session on a channel of its own."""
        with self._limited(what, timeout_s) as end, self._channel(end) as channel:
            channel.settimeout(left(end))
            self._transport.request(channel, "subsystem", "sftp")
            try:
                yield paramiko.SFTPClient(channel)
            except (paramiko.SFTPError, OSError) as error:
                if isinstance(error, TimeoutError) or not self._transport.is_active():
                    raise
                raise CommandFailed(server=self.server.name, command=what, exit_status=1, tail=detail(error)) from error

    def _end_group(self, talk: Conversation) -> None:
        """Kill the command's process group over a second channel. Failing at it changes nothing about what is told."""
        group = talk.find_group(GROUP_S)
        if group is None:
            return
        end = time.monotonic() + KILL_S
        try:
            with self._channel(end) as channel:
                self._transport.request(channel, "exec", shell.shell_line(shell.kill_group(group, GRACE_S)))
                channel.status_event.wait(left(end))
        except LOST:
            return


def _pieces(ahead: bytes, stdin: bytes | Iterable[bytes] | None) -> Iterator[bytes]:
    if ahead:
        yield ahead
    if isinstance(stdin, bytes):
        for at in range(0, len(stdin), PIECE_BYTES):
            yield stdin[at : at + PIECE_BYTES]
    elif stdin is not None:
        yield from stdin
