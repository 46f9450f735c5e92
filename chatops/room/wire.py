"""Bytes to sockets. What goes to many is made into bytes once; a reader that does not keep up is dropped.

Twisted's own write costs eight times the system call itself: it queues the bytes and registers the socket
with the reactor for each. `DirectWire` therefore sends straight to a socket that has nothing queued, and
leaves only the rest to Twisted. That takes names that are private to Twisted; `for_socket` checks that they
are all there, and otherwise everything goes by plain ASGI messages.
"""

import asyncio
import errno
import logging
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from django.conf import settings
from twisted.internet import tcp

Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Where `chatops.server` puts the protocol object of a socket, in the scope's `extensions`.
EXTENSION = "shiproom.protocol"
SLOW_READER = 4413
#: With more than this unread, what is not stored anyway is not sent either.
VOLATILE_LIMIT_BYTES = 64 * 1024

#: A socket says so that can take nothing just now.
_FULL = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR}

logger = logging.getLogger(__name__)


class Batch:
    """Frames (as JSON bytes) on their way to any number of sockets. A volatile batch is left out where others wait."""

    __slots__ = ("is_volatile", "on_the_wire", "payloads")

    def __init__(self, payloads: list[bytes], *, is_volatile: bool = False) -> None:
        self.payloads = payloads
        self.is_volatile = is_volatile
        #: All of them as WebSocket text frames, joined: each stays a message of its own.
        self.on_the_wire = b"".join(map(text_frame, payloads))


def text_frame(payload: bytes) -> bytes:
    """A whole text message as a server sends it, unmasked (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class Wire(Protocol):
    """A way to one client. Neither method waits, and both keep their order."""

    is_open: bool

    def send(self, batch: Batch) -> None: ...

    def close(self, code: int) -> None: ...


def for_socket(scope: Mapping[str, Any], send: Send) -> Wire:
    """The fastest wire that this connection allows; call it once the socket is accepted."""
    protocol = (scope.get("extensions") or {}).get(EXTENSION)
    if protocol is not None and not settings.FORCE_PLAIN_WIRE and _can_be_written(protocol):
        return DirectWire(protocol, send)
    return PlainWire(send)


def _can_be_written(protocol: Any) -> bool:
    transport = getattr(protocol, "transport", None)
    return (
        hasattr(protocol, "wire")
        and isinstance(transport, tcp.Server)  # TLS wraps the transport in another class, or sets the flag
        and not getattr(transport, "TLS", False)
        and all(hasattr(transport, name) for name in ("socket", "dataBuffer", "offset", "_tempDataLen", "connected"))
        and getattr(protocol, "state", None) == getattr(protocol, "STATE_OPEN", NotImplemented)
    )


class DirectWire:
    """Writes to the socket of a Daphne connection, on the reactor's own thread.

    `is_clear` means: the connection is open and Twisted has nothing to write before us. Then one call of the socket is
    all; to look at the other objects of a thousand readers each time would take half as long again. Whatever else
    writes to the connection or ends it says so through `protocol.wire` (chatops/server.py).
    """

    __slots__ = ("_closing", "_protocol", "_send", "_transport", "_write", "is_clear", "is_open", "socket")

    def __init__(self, protocol: Any, send: Send) -> None:
        self.is_open = True
        self.is_clear = False
        self._protocol = protocol
        self._transport = protocol.transport
        self.socket = protocol.transport.socket
        self._write = self.socket.send
        self._send = send
        self._closing: asyncio.Task[None] | None = None
        protocol.wire = self

    def send(self, batch: Batch) -> None:
        """Send now, or queue behind what the reader has not taken yet; with too much of that, hang up."""
        if not (self.is_clear or self._look(batch)):
            return
        try:
            sent = self._write(batch.on_the_wire)
        except OSError as error:
            sent = -(error.errno or errno.EIO)
        if sent < len(batch.on_the_wire):
            self.took(batch.on_the_wire, sent)

    def took(self, data: bytes, sent: int) -> None:
        """Only so many bytes of `data` went out, or none because of an error, as a negative number."""
        self.is_clear = False
        if sent >= 0 or -sent in _FULL:
            self._transport.write(data[max(0, sent) :])
        # After any other error Twisted, which sees it too, ends the connection.

    def _look(self, batch: Batch) -> bool:
        """Whether the socket can be written to; if not, `batch` is dealt with."""
        transport = self._transport
        if not (self.is_open and transport.connected and self._protocol.state == self._protocol.STATE_OPEN):
            return False
        waiting = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        if waiting > settings.BACKLOG_LIMIT_BYTES:
            # No close frame could reach a reader that reads nothing.
            logger.info("dropped a reader with %d bytes unread", waiting)
            self.is_open = False
            transport.abortConnection()
        elif waiting and not (batch.is_volatile and waiting > VOLATILE_LIMIT_BYTES):
            transport.write(batch.on_the_wire)
        self.is_clear = not waiting
        return self.is_clear

    def close(self, code: int) -> None:
        """Close with `code`, after everything sent so far."""
        if self.is_open:
            self.is_open = self.is_clear = False
            self._closing = asyncio.ensure_future(_close(self._send, code))


async def _close(send: Send, code: int) -> None:
    await send({"type": "websocket.close", "code": code})


class PlainWire:
    """Sends ASGI messages, one at a time and in order, from a queue that is bounded in bytes."""

    def __init__(self, send: Send) -> None:
        self.is_open = True
        self._send = send
        self._queue: deque[tuple[int, dict[str, Any]]] = deque()
        self._waiting_bytes = 0
        self._draining: asyncio.Task[None] | None = None

    def send(self, batch: Batch) -> None:
        """Queue, or hang up on a reader for whom too much is queued."""
        if not self.is_open or (batch.is_volatile and self._waiting_bytes > VOLATILE_LIMIT_BYTES):
            return
        if self._waiting_bytes > settings.BACKLOG_LIMIT_BYTES:
            logger.info("dropped a reader with %d bytes unread", self._waiting_bytes)
            self._queue.clear()
            self.close(SLOW_READER)
            return
        for payload in batch.payloads:
            self._waiting_bytes += len(payload)
            self._queue.append((len(payload), {"type": "websocket.send", "text": payload.decode()}))
        self._drain()

    def close(self, code: int) -> None:
        """Close with `code`, after everything sent so far."""
        if self.is_open:
            self.is_open = False
            self._queue.append((0, {"type": "websocket.close", "code": code}))
            self._drain()

    def _drain(self) -> None:
        if self._draining is None or self._draining.done():
            self._draining = asyncio.ensure_future(self._send_all())

    async def _send_all(self) -> None:
        while self._queue:
            size, message = self._queue.popleft()
            try:
                await self._send(message)
            except Exception as error:  # servers differ in what they raise for a connection that is gone
                logger.info("a socket went away while it was written to: %r", error)
                self.is_open = False
                self._queue.clear()
            self._waiting_bytes -= size
