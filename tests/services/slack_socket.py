"""Slack's end of Socket Mode: a WebSocket server that says hello, hands over envelopes, and waits for their answers."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.services.slack_limits import Json
from tests.waiting import wait_until


class SlackSocket:
    """`url` is what `apps.connections.open` answers. One connection at a time is enough here."""

    def __init__(self) -> None:
        self.answers: dict[str, Json] = {}
        self.connections: list[ServerConnection] = []
        self._numbers = itertools.count(1)
        self._server: Server = serve(self._talk, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/link"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _talk(self, line: ServerConnection) -> None:
        line.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}))
        self.connections.append(line)
        with suppress(ConnectionClosed):
            for text in line:
                told = json.loads(text)
                self.answers[told["envelope_id"]] = told.get("payload") or {}

    def hand_over(self, kind: str, payload: Json) -> Json:
        """Send an envelope (`slash_commands`, `interactive`, `events_api`) over the newest line; what is answered.

        As with Slack, one that was not acknowledged is sent again when there is another line.
        """
        name = f"envelope-{next(self._numbers)}"
        envelope = {"type": kind, "envelope_id": name, "payload": payload, "accepts_response_payload": True}
        sent_over: set[int] = set()

        def is_answered() -> bool:
            line = self.connections[-1] if self.connections else None
            if line is not None and id(line) not in sent_over:
                sent_over.add(id(line))
                with suppress(ConnectionClosed):
                    line.send(json.dumps(envelope))
            return name in self.answers

        wait_until(is_answered, what=f"the answer to {kind}")
        return self.answers[name]

    def cut(self) -> None:
        """End the line, as Slack does every few hours."""
        self.connections.pop().close()

    def close(self) -> None:
        self._server.shutdown()


@contextmanager
def running() -> Iterator[SlackSocket]:
    socket = SlackSocket()
    try:
        yield socket
    finally:
        socket.close()
