"""A proxy that hands an answer on only when all of it is there, as some do: what has no end never gets through."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.reach.wires import tcp_server

PIECE = 64 * 1024


@contextmanager
def before(address: tuple[str, int]) -> Iterator[int]:
    """The port of one in front of the server at `address`; each connection carries one request."""

    def serve(peer: socket.socket) -> None:
        request = _request(peer)
        with socket.create_connection(address) as server:
            server.sendall(request)
            answer = b""
            while True:
                ready, _, _ = select.select([server, peer], [], [])
                if peer in ready:
                    return  # whoever asked has gone
                piece = server.recv(PIECE)
                if not piece:
                    break
                answer += piece
        peer.sendall(answer)

    with tcp_server(serve) as port:
        yield port


def _request(peer: socket.socket) -> bytes:
    """A whole request. It asks the server to close after its answer, unless it wants another protocol."""
    head, _, body = _until(peer, b"\r\n\r\n").partition(b"\r\n\r\n")
    names = {
        name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    while len(body) < int(names.get(b"content-length", 0)):
        body += peer.recv(PIECE)
    if b"upgrade" not in names:
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        head = b"\r\n".join([*lines, b"Connection: close"])
    return head + b"\r\n\r\n" + body


def _until(peer: socket.socket, end: bytes) -> bytes:
    found = b""
    while end not in found:
        piece = peer.recv(PIECE)
        if not piece:
            raise OSError("closed")
        found += piece
    return found
