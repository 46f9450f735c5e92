"""One command on one SSH channel, from its first byte to its exit status: the conversation, without the library.

`RawChannel` is the part of paramiko's Channel that is used. Its own helpers are not: they wait without a limit, or
read one stream while the other fills (paramiko issues 448, 1778, 1815, 2685).
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from deploy_core.errors import Cancelled, CommandTimeout, ConnectionLost, OutputLimit

from .connection import OnLine, last_lines, nobody
from .lines import Output
from .masking import Masker

#: How often `stop` is asked, and how long a full window may keep us from reading.
TURN_S = 0.1
#: After the exit status, output may still be on its way; a process left behind may hold the stream open for ever.
LINGER_S = 1.0
READ_BYTES = 64 * 1024
#: What one packet takes (RFC 4254, section 5.2: 32 KB); the rest of a longer piece would be copied in vain.
SEND_BYTES = 32 * 1024 - 64


class Pipe(Protocol):
    def set_event(self, event: threading.Event, /) -> None: ...


class RawChannel(Protocol):
    """What is needed of `paramiko.Channel`."""

    closed: bool
    exit_status: int
    status_event: threading.Event

    @property
    def eof_received(self) -> int: ...
    @property
    def in_buffer(self) -> Pipe: ...
    @property
    def in_stderr_buffer(self) -> Pipe: ...

    def recv_ready(self) -> bool: ...
    def recv_stderr_ready(self) -> bool: ...
    def recv(self, size: int, /) -> bytes: ...
    def recv_stderr(self, size: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def settimeout(self, timeout: float | None, /) -> None: ...
    def shutdown_write(self) -> None: ...


class Conversation:
    """Feeds stdin and drains both outputs of one channel until the command's exit status, within its limits."""

    def __init__(
        self,
        channel: RawChannel,
        *,
        server: str,
        command: str,
        mark: str,
        mask: Masker,
        on_line: OnLine,
        end: float,
        timeout_s: float,
        limit_bytes: int,
        stop: Callable[[], bool],
    ) -> None:
        """`end` is the deadline on the monotonic clock, `timeout_s` what a person is told about it."""
        self.out, self.err = Output(mask), Output(mask)
        self.group: int | None = None
        self._channel = channel
        self._server, self._command = server, command
        self._mark, self._preface = mark.encode() + b" ", b""
        self._on_line, self._end, self._timeout_s = on_line, end, timeout_s
        self._limit_bytes, self._stop = limit_bytes, stop
        self._arrived = threading.Event()
        self._next_ask = 0.0
        channel.settimeout(TURN_S)
        # One event for both: whichever stream has something ends the wait.
        channel.in_buffer.set_event(self._arrived)
        channel.in_stderr_buffer.set_event(self._arrived)

    def hold(self, stdin: Iterable[bytes]) -> int:
        """The exit status.

        Raises:
            CommandTimeout, OutputLimit, Cancelled: a limit was met; the command still runs.
            ConnectionLost: there will be no exit status.
        """
        self._feed(iter(stdin))
        self._drain_to_the_end()
        self._emit("o", self._rest_of_preface())
        for stream, output in (("o", self.out), ("e", self.err)):
            for line in output.close():
                self._on_line(stream, line)
        if self._channel.exit_status == -1:
            raise ConnectionLost(server=self._server, command=self._command, detail="it ended without an exit status")
        return self._channel.exit_status

    def find_group(self, patience_s: float) -> int | None:
        """The command's process group, if it tells within `patience_s`; nobody hears what else it says."""
        self._on_line = nobody
        end = time.monotonic() + patience_s
        while self.group is None and not self._channel.closed and time.monotonic() < end:
            if not self._drain():
                self._arrived.wait(TURN_S)
                self._calm()
        return self.group

    @property
    def tail(self) -> str:
        """The last lines a person is shown: what it complained about, else what it said."""
        return last_lines(self.err.tail or self.out.tail or self._preface.decode("utf-8", "replace"))

    # --- feeding ------------------------------------------------------------------------------------------------------

    def _feed(self, stdin: Iterator[bytes]) -> None:
        for piece in stdin:
            if not piece:
                self._arrived.wait(TURN_S)
                self._calm()
            view = memoryview(piece)
            while view:
                try:
                    sent = self._channel.send(view[:SEND_BYTES].tobytes())
                except TimeoutError:
                    sent = 0
                except OSError:
                    return  # closed under us; what is left to say is the exit status
                if not sent and self._is_over():
                    return
                view = view[sent:]
                self._check()
                self._drain()
            self._check()
            self._drain()
            if self._is_over():
                return
        self._channel.shutdown_write()

    def _is_over(self) -> bool:
        return self._channel.closed or self._channel.status_event.is_set()

    # --- draining -----------------------------------------------------------------------------------------------------

    def _drain_to_the_end(self) -> None:
        """Read until both streams ended and the status came, or until it came and nobody says anything any more."""
        quiet_since = time.monotonic()
        while True:
            self._check()
            if self._drain():
                quiet_since = time.monotonic()
                continue
            has_status = self._channel.status_event.is_set()
            if self._channel.closed or (has_status and self._channel.eof_received):
                while self._drain():  # what came between the last look and the end
                    pass
                return
            if has_status and time.monotonic() - quiet_since > LINGER_S:
                self._on_line("m", "The command ended, but a process it started still holds its output open.")
                return
            if self._channel.eof_received:  # the buffers are closed and their event stays set
                self._channel.status_event.wait(TURN_S)
            else:
                self._arrived.wait(TURN_S)
                self._calm()

    def _calm(self) -> None:
        """Reset the event unless there is a reason for it; asked after, so that nothing that comes is missed."""
        if self._arrived.is_set():
            self._arrived.clear()
            if self._channel.recv_ready() or self._channel.recv_stderr_ready():
                self._arrived.set()

    def _drain(self) -> bool:
        """Take one piece of each stream, if it is there; whether there was any."""
        got = False
        if self._channel.recv_ready():
            got = True
            self._take_out(self._channel.recv(READ_BYTES))
        if self._channel.recv_stderr_ready():
            got = True
            self._emit("e", self._channel.recv_stderr(READ_BYTES))
        return got

    def _take_out(self, data: bytes) -> None:
        """Stdout; what comes before the mark is the login shell's and belongs to nobody."""
        if self.group is not None:
            self._emit("o", data)
            return
        self._preface += data
        _, mark, after = self._preface.partition(self._mark)
        group, end, rest = after.partition(b"\n")
        if mark and end:
            self.group, self._preface = int(group), b""
            self._emit("o", rest)
        else:
            self._preface = self._preface[-READ_BYTES:]

    def _rest_of_preface(self) -> bytes:
        """All of stdout, if the command never started."""
        rest, self._preface = self._preface, b""
        return rest

    def _emit(self, stream: str, data: bytes) -> None:
        output = self.out if stream == "o" else self.err
        for line in output.feed(data):
            self._on_line(stream, line)

    # --- limits -------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        now = time.monotonic()
        if self.out.size_bytes + self.err.size_bytes > self._limit_bytes:
            raise OutputLimit(server=self._server, command=self._command, limit_bytes=self._limit_bytes)
        if now > self._end:
            raise CommandTimeout(server=self._server, command=self._command, seconds=round(self._timeout_s, 1))
        if now >= self._next_ask:
            self._next_ask = now + TURN_S
            if self._stop():
                raise Cancelled(server=self._server, command=self._command)
