"""Daphne as this product runs it: heads and bodies have limits, and the room's fast path gets at the sockets.

Importing this module installs Twisted's asyncio reactor, so only a command that serves does.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn, cast

import daphne.server
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from django.db import connections
from twisted.internet import reactor as _reactor
from twisted.logger import globalLogBeginner

from chatops import forgetting
from chatops.listening import be_at as be_at
from chatops.listening import listen as listen
from chatops.room import pool, progress
from chatops.room.guests import guests
from chatops.room.hub import hubs
from chatops.room.wire import EXTENSION
from chatops.slack import drainer
from chatops.trust import anchoring
from chatops.webhooks import sending
from deploy_core.run import engine

reactor: Any = _reactor

#: A client that is refused while it still sends is listened to for so long, so that it hears why.
LINGER_S = 2.0
RESTART = 1012
#: After so many connections that are over, what is left of them is collected.
GONE = 200
_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

logger = logging.getLogger(__name__)


# --- limits -----------------------------------------------------------------------------------------------------------
class Request(WebRequest):  # type: ignore[misc]
    """A request whose head and body have a deadline each, and whose body is capped while it arrives.

    A cap inside the application would come too late: Daphne hands over a body when all of it is there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: `time.monotonic()` at its first byte.
        self.began = time.monotonic()
        self._body_bytes = 0
        self._is_refused = False
        self._deadline = reactor.callLater(settings.HEADER_TIMEOUT_S, self._hang_up)
        if self.channel.silence.active():
            self.channel.silence.cancel()

    def gotLength(self, length: int | None) -> None:
        """The head is complete."""
        self._stop_clock()
        too_large = length is not None and length > settings.BODY_LIMIT_BYTES
        super().gotLength(0 if too_large else length)
        if too_large:
            self._refuse()
        elif length != 0:
            self._deadline = reactor.callLater(settings.BODY_TIMEOUT_S, self._give_up)

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body came."""
        self._body_bytes += len(data)
        if self._body_bytes > settings.BODY_LIMIT_BYTES:
            self._refuse()
        if not self._is_refused:
            super().handleContentChunk(data)

    def requestReceived(self, *args: Any) -> None:
        """The body is complete."""
        if self._is_refused:
            self._hang_up()
        else:
            self._stop_clock()
            super().requestReceived(*args)

    def connectionLost(self, reason: Any) -> None:
        """The client is gone."""
        self._stop_clock()
        super().connectionLost(reason)

    def _refuse(self) -> None:
        if not self._is_refused:
            self._is_refused = True
            self._stop_clock()
            self.channel.transport.write(_TOO_LARGE)
            self._deadline = reactor.callLater(LINGER_S, self._hang_up)

    def _give_up(self) -> None:
        self._is_refused = True
        self.channel.transport.write(_TOO_SLOW)
        self._hang_up()

    def _stop_clock(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    def _hang_up(self) -> None:
        if self.channel is not None and self.channel.transport is not None:
            self.channel.transport.loseConnection()


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """A socket that may be closed with any code of the registry: autobahn's own check lets no 1009 or 1012 through.

    `wire`, if there is one, writes past it (chatops/room/wire.py), and is told whenever that may not be as it was.
    """

    wire: Any = None

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write bytes of a frame: a ping, an answer to one, a close."""
        self._not_clear()
        super().sendData(data, sync, chopsize)

    def connectionLost(self, reason: Any) -> None:
        """The client is gone."""
        self._not_clear()
        super().connectionLost(reason)

    def _not_clear(self) -> None:
        if self.wire is not None:
            self.wire.is_clear = False

    def serverClose(self, code: int | None = None) -> None:
        """Close, after what was sent so far."""
        self.sendCloseFrame(code=code or 1000)


class SocketFactory(WebSocketFactory):  # type: ignore[misc]
    """Makes our sockets."""

    protocol = Socket


class Factory(HTTPFactory):  # type: ignore[misc]
    """Makes connections with our requests; one that says nothing is dropped."""

    def __init__(self, server: "Server") -> None:
        super().__init__(server)
        self.timeOut = settings.IDLE_TIMEOUT_S

    def buildProtocol(self, addr: Any) -> Any:
        """A new connection."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = Request
        protocol._channel.silence = reactor.callLater(settings.HEADER_TIMEOUT_S, _drop, protocol._channel)
        return protocol


def _drop(channel: Any) -> None:
    if channel.transport is not None:
        channel.transport.abortConnection()


# --- serving ----------------------------------------------------------------------------------------------------------
class Server(daphne.server.Server):  # type: ignore[misc]
    """Serves one listening socket until `stop` or a signal."""

    def __init__(self, application: Any, listener: socket.socket, *, ready: Callable[[], None]) -> None:
        super().__init__(
            application,
            endpoints=[f"fd:fileno={listener.fileno()}"],
            server_name="shiproom",
            websocket_timeout=-1,
            ping_interval=settings.PING_S,
            ping_timeout=settings.PING_TIMEOUT_S,
        )
        self._listener = listener
        self._ready = ready
        self._port: Any = None
        self._loop: Any = reactor._asyncioEventloop
        self._is_ending = False
        self._watchdog = threading.Timer(settings.STOP_LIMIT_S, os._exit, (0,))
        self._watchdog.daemon = True
        self._tasks: list[asyncio.Task[None]] = []
        self._gone = 0

    def application_checker(self) -> None:
        """Each second: forget connections that are over. They are circles of objects, which the calmed collector would
        leave lying about for tens of thousands of them: whoever opens and closes sockets would fill the memory.
        """
        before = len(self.connections)
        super().application_checker()
        self._gone += before - len(self.connections)
        if self._gone >= GONE:
            self._gone = 0
            gc.collect(1)

    def run(self) -> None:
        """Serve, on this thread. Daphne's own `run` would not let us choose the factory or keep the port we hold."""
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = Factory(self)
        self.ws_factory = SocketFactory(self, server=self.server_name)
        self.ws_factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            allowNullOrigin=True,  # the consumer refuses it, with all other origins that are not ours
            openHandshakeTimeout=self.websocket_handshake_timeout,
            # Somewhat above what a session takes, so that it can say why; from here on the connection is dropped.
            maxMessagePayloadSize=2 * settings.FRAME_LIMIT_BYTES,
            maxFramePayloadSize=2 * settings.FRAME_LIMIT_BYTES,
        )
        globalLogBeginner.beginLoggingTo(cast(Any, [_forget]), redirectStandardIO=False, discardBuffer=True)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        asyncio.set_event_loop(self._loop)
        reactor.addSystemEventTrigger("before", "shutdown", self.kill_all_applications)
        self._port = reactor.adoptStreamPort(self._listener.fileno(), self._listener.family, self.http_factory)
        self._listener.close()  # Twisted has its own copy
        reactor.callLater(0, self._begin)  # "when running" would be before the loop runs
        reactor.run(installSignalHandlers=False)
        self._watchdog.cancel()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application for a connection; a socket's protocol object goes with it."""
        if scope["type"] == "websocket":
            scope["extensions"] = {EXTENSION: protocol}
        else:
            scope["shiproom.began"] = protocol.began
        return super().create_application(protocol, scope)

    def kill_all_applications(self) -> Any:
        """Cancel what still runs. A connection that never got as far as an application has none to cancel."""
        self.connections = {
            protocol: details for protocol, details in self.connections.items() if "application_instance" in details
        }
        return super().kill_all_applications()

    def _begin(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self.end)
        hubs().start()
        self._tasks.append(self._loop.create_task(_keep_telling()))
        self._ready()

    def end(self) -> None:
        """Say goodbye, let the engine park, and stop. The second call stops at once."""
        if self._is_ending:
            os._exit(1)
        self._is_ending = True
        # Whatever hangs, the process ends: what was cut off goes on at the next start.
        self._watchdog.start()
        self._tasks.append(self._loop.create_task(self._end()))

    async def _end(self) -> None:
        self._port.stopListening()
        guests().end_all(RESTART)
        await asyncio.get_running_loop().run_in_executor(None, engine.stop)
        await asyncio.get_running_loop().run_in_executor(None, drainer.rounds.end)
        await asyncio.get_running_loop().run_in_executor(None, sending.rounds.end)
        await hubs().close()
        reactor.stop()


def _forget(event: Any) -> None:
    """Twisted tells of every connection; what matters is logged by Daphne and by us."""


async def _keep_telling() -> None:
    """Write what no signal told rooms of, and the audit's anchors, once a tick; and forget what is over."""
    while True:
        for work in (progress.catch_up, anchoring.tick, forgetting.tick):
            try:
                await pool.run(work)
            except Exception:
                logger.exception("%s failed; it is tried again with the next tick", work.__module__)
        await asyncio.sleep(settings.HUB_TICK_S)


def run(listener: socket.socket, *, with_engine: bool, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until Ctrl-C or SIGTERM, on the main thread; `ready` is called once requests are answered.

    Raises:
        engine.AlreadyRunning: `with_engine`, and another process has this data folder's engine.
    """
    _calm_the_collector()
    if with_engine or not settings.IS_EMBEDDED:
        engine.launch(listen=with_engine)  # else it only puts what people ask for into the queue of the workers
    from chatops.asgi import application

    drainer.begin()
    sending.rounds.begin()
    Server(application, listener, ready=ready).run()


def _calm_the_collector() -> None:
    """What is loaded now stays; a thousand sockets' objects are not looked through for every few hundred new ones.

    And a thread that waits for its turn gets it after 1 ms, not 5: one that sends to a thousand sockets gives its turn
    up at each.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.001)


def leave(status: int = 0) -> NoReturn:
    """End the process now, the last thing a serving command does.

    A step may still wait for a server, on a thread that Python would wait for; it goes on at the next start.
    """
    connections.close_all()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
