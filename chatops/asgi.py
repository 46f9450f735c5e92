"""The server's application: the room's doors beside Django."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatops.settings")
pages: Any = get_asgi_application()

# Models are there only now.
from chatops import statics  # noqa: E402
from chatops.room import poll  # noqa: E402
from chatops.room.consumer import RoomConsumer  # noqa: E402

pages = statics.before(pages)
socket = RoomConsumer.as_asgi()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Send each connection to its door. A socket to anywhere else is refused without a trace in the log."""
    match scope["type"], scope.get("path"):
        case "websocket", "/rt/ws":
            await socket(scope, receive, send)
        case "websocket", _:
            await send({"type": "websocket.close"})
        case "http", "/rt/poll":
            await poll.poll(scope, receive, send)
        case "http", "/rt/send":
            await poll.send(scope, receive, send)
        case _:
            await pages(scope, receive, send)
