"""The pages over HTTP, on loopback."""

from __future__ import annotations

import http.server
import os
import socket
from pathlib import Path

from shop.pages import Shop, answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind without asking the resolver for this machine's name, as the parent class does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address


def listen(port: int, release: Path) -> Server:
    """A server that has its port and answers as soon as it is told to serve."""
    shop = Shop(
        version=(release / "VERSION").read_text().strip(),
        revision=os.environ.get("SHIPROOM_REVISION", ""),
        environment=os.environ.get("SHIPROOM_ENVIRONMENT", "nowhere"),
        var=release.joinpath("var").resolve(),
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = answer(shop, self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Server(("127.0.0.1", port), Handler)
