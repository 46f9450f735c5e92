"""The socket's door: `/rt/ws`. Who may not enter is refused before the handshake; all the rest is `session.py`."""

import asyncio
import logging
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import OperationalError

from chatops.room import door, pool, wire
from chatops.room.door import Identity
from chatops.room.guests import guests
from chatops.room.session import Session
from deploy_core.ledger import audit
from deploy_core.models import Person

NO_HELLO, TOO_MANY = 4408, 4429
#: Of the registry: try again later.
UNAVAILABLE = 1013

logger = logging.getLogger(__name__)


class RoomConsumer(AsyncWebsocketConsumer):
    """One socket.

    It has no channel of its own in the layer: hubs have one per process. So `__call__` is ours; Channels' own
    would make a channel per socket, and hop to a thread for every message.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        try:
            identity = await _admit(scope)
        except OperationalError as error:
            logger.error("a socket found the database unable: %s", error)
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": UNAVAILABLE})
            return
        if identity is None:
            await send({"type": "websocket.close"})  # before accept: the server answers 403
            return
        await send({"type": "websocket.accept"})
        if guests().count(identity.person_id, lasting=True) >= settings.SOCKETS_PER_PERSON:
            await send({"type": "websocket.close", "code": TOO_MANY})
            return
        session = Session(identity, wire.for_socket(scope, send))
        logger.debug("%s is connected by a %s", identity.name, type(session.wire).__name__)
        patience = asyncio.get_running_loop().call_later(settings.HELLO_TIMEOUT_S, _hang_up_without_hello, session)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if session.wire.is_open:
                    await session.receive(message.get("text"))
        finally:
            patience.cancel()
            session.leave()


def _hang_up_without_hello(session: Session) -> None:
    if not session.has_said_hello:
        session.end(NO_HELLO)


async def _admit(scope: Any) -> Identity | None:
    """Whose socket this is; None for a page that is not ours, or no session."""
    key = door.session_key(scope)
    if not key:
        return None
    identity = await pool.run(door.identify, key)
    if identity is not None and not door.is_own_origin(scope):
        # Somebody signed in here has a page open that tries to speak for them.
        await pool.run(_audit_origin, identity, scope["headers"])
        return None
    return identity


def _audit_origin(identity: Identity, headers: list[tuple[bytes, bytes]]) -> None:
    origin = b", ".join(value for name, value in headers if name == b"origin").decode("latin1")[:200]
    logger.warning("refused a socket of %s from a page of %r", identity.name, origin)
    audit.record(Person.objects.get(pk=identity.person_id), "socket.open", "room", "bad_origin", origin=origin)
