"""Static files straight from the loop, beside Django: a page has some seventy, and each would cost a thread's turn.

WhiteNoise still decides everything (hashed names, compressed copies, caching, ranges); its middleware stays in
place for servers that start Django alone, and for DEBUG.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

App = Callable[[Any, Any, Any], Awaitable[None]]

#: Request headers that change the answer, by the names WhiteNoise reads.
_HEADERS = {
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
    b"if-none-match": "HTTP_IF_NONE_MATCH",
    b"if-modified-since": "HTTP_IF_MODIFIED_SINCE",
    b"range": "HTTP_RANGE",
}


def before(pages: App) -> App:
    """An application that answers for static files and leaves everything else to `pages`."""
    if settings.DEBUG:
        return pages
    files: dict[str, StaticFile] = WhiteNoiseMiddleware(_nowhere).files

    async def application(scope: Any, receive: Any, send: Any) -> None:
        file = files.get(scope["path"]) if scope["type"] == "http" else None
        if file is None:
            await pages(scope, receive, send)
        else:
            await _answer(file, scope, send)

    return application


def _nowhere(request: Any) -> None:
    """WhiteNoise's middleware wants a next one; here it is only asked for its files."""


async def _answer(file: StaticFile, scope: Any, send: Any) -> None:
    asked = {_HEADERS[name]: value.decode("latin1") for name, value in scope["headers"] if name in _HEADERS}
    found = file.get_response(scope["method"], asked)
    headers = [(name.lower().encode(), value.encode("latin1")) for name, value in found.headers]
    headers.append((b"x-content-type-options", b"nosniff"))
    body = b""
    if found.file is not None:
        with found.file:
            body = found.file.read()
    await send({"type": "http.response.start", "status": int(found.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
