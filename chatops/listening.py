"""Where the server listens, and by which address people reach it."""

import errno
import socket

from django.conf import settings

from chatops.checks import is_loopback

#: How many ports after a taken one are tried before any free one will do.
PORTS_TRIED = 100


def listen(bind: str, port: int) -> socket.socket:
    """A socket that listens on `port` of `bind`, or on the next one that nobody has. 0 is any.

    Raises:
        OSError: it is not a taken port that is in the way.
    """
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    tried = [port, *range(port + 1, min(port + PORTS_TRIED, 65_536)), 0] if port else [0]
    for candidate in tried:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((bind.strip("[]"), candidate))
            listener.listen(1024)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            listener.setblocking(False)
            return listener
    raise OSError(errno.EADDRINUSE, f"no port of {bind} is free")


def be_at(listener: socket.socket) -> str:
    """The address that people open. Without PUBLIC_URL it is the one really bound, and links and origins follow it."""
    if settings.GIVEN_URL:
        return str(settings.PUBLIC_URL)
    host, port = listener.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    names = ["127.0.0.1", "localhost", "[::1]"] if is_loopback(host) else [host]
    settings.PUBLIC_URL = f"http://{host}:{port}"
    settings.OWN_ORIGINS = tuple(f"http://{name}:{port}" for name in names)
    settings.CSRF_TRUSTED_ORIGINS = [settings.PUBLIC_URL]
    return str(settings.PUBLIC_URL)
