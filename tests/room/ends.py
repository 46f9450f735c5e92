"""The server's end of a connection, without a server: what Twisted and Daphne have for it."""

import asyncio
import socket

from twisted.internet import tcp


class Transport(tcp.Server):
    """A Twisted connection without a reactor: what it would write later is kept."""

    def __init__(self, own: socket.socket) -> None:
        self.socket = own
        self.dataBuffer = b""
        self.offset = 0
        self._tempDataLen = 0
        self.connected = True
        self.later = b""
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.later += data
        self._tempDataLen += len(data)

    def abortConnection(self) -> None:
        self.is_aborted = True


class Protocol:
    """What Daphne has for an open socket."""

    STATE_OPEN = state = 3
    wire: object = None

    def __init__(self, transport: object) -> None:
        self.transport = transport


class Sent:
    """An ASGI `send` that remembers, and can be made to wait or to fail."""

    def __init__(self) -> None:
        self.messages: list[dict[str, object]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.error: Exception | None = None

    async def __call__(self, message: dict[str, object]) -> None:
        await self.may_go_on.wait()
        if self.error:
            raise self.error
        self.messages.append(message)

    @property
    def texts(self) -> list[object]:
        return [message.get("text") or message["code"] for message in self.messages]
