"""A line that can be cut: a SOCKS5 proxy (RFC 1928; CONNECT to IPv4 or a name, no password) for one window.

While it is cut, nothing is refused and nothing answers, as on a laptop whose lid is closed: connections stand still and
new ones are taken and left waiting. Mending it ends those that stood still. It can also be one that lets no WebSocket
through, as some companies' proxies do: the wish for one is taken out of the request.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PIECE = 64 * 1024
#: Address types of a request.
IPV4, NAME = 1, 3


class Line:
    """Where a browser's proxy setting points: `socks5://127.0.0.1:PORT`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"socks5://127.0.0.1:{self._listener.getsockname()[1]}"
        self.lets_sockets_through = True
        self._whole = threading.Event()
        self._whole.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        """End what stood still, and let new connections through."""
        with self._lock:
            stale, self._open = self._open, set()
        for end in stale:
            _end(end)
        self._whole.set()

    def close(self) -> None:
        _end(self._listener)
        self.mend()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with self._lock:
            self._open.add(near)
        far = None
        with contextlib.suppress(OSError):
            far = self._connect(near)
            with self._lock:
                self._open.add(far)
            threading.Thread(target=self._carry, args=(far, near), daemon=True).start()
            self._carry(near, far, self._without_wish)
        for end in (near, far):
            if end is not None:
                _end(end)
                with self._lock:
                    self._open.discard(end)

    def _connect(self, near: socket.socket) -> socket.socket:
        self._whole.wait()
        _, methods = _exactly(near, 2)
        _exactly(near, methods)
        near.sendall(b"\x05\x00")
        *_, kind = _exactly(near, 4)
        if kind == IPV4:
            host = socket.inet_ntoa(_exactly(near, 4))
        elif kind == NAME:
            host = _exactly(near, _exactly(near, 1)[0]).decode()
        else:
            raise OSError(f"address type {kind}")
        (port,) = struct.unpack("!H", _exactly(near, 2))
        far = socket.create_connection((host, port), timeout=20)
        far.settimeout(None)
        near.sendall(b"\x05\x00\x00\x01" + bytes(6))
        return far

    def _without_wish(self, piece: bytes) -> bytes:
        if self.lets_sockets_through:
            return piece
        return piece.replace(b"\r\nUpgrade: websocket", b"").replace(b"Connection: Upgrade", b"Connection: close")

    def _carry(
        self, source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes] = lambda piece: piece
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                self._whole.wait()
                target.sendall(change(piece))
        _end(source)
        _end(target)


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = source.recv(count - len(found))
        if not piece:
            raise OSError("closed")
        found += piece
    return found


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def running() -> Iterator[Line]:
    """A line that is whole."""
    line = Line()
    try:
        yield line
    finally:
        line.close()
