"""The HTTP of the fake Slack: forms, JSON and queries in, JSON out, or a line that goes dead."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs

from tests.services.slack_limits import Json

#: What Slack takes no JSON for: `GET`, or a form.
READS = frozenset({"conversations.history", "conversations.replies", "conversations.info", "users.info"})


class Takes(Protocol):
    """Who answers: status, answer and headers; None is silence."""

    def take(self, path: str, token: str, body: Json) -> tuple[int, Json, dict[str, str]] | None:
        """One call."""


class SlackServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, slack: Takes) -> None:
        self.slack = slack
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: SlackServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        is_json = "json" in self.headers.get("Content-Type", "")
        if is_json and path.rpartition("/")[2] in READS:
            body: Json = {}
        elif is_json:
            body = json.loads(raw or "{}")
        else:
            body = {name: _plain(given[0]) for name, given in parse_qs(query or raw).items()}
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        answer = self.server.slack.take(path, token, body)
        if answer is None:
            self.close_connection = True
            return
        status, told, headers = answer
        payload = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _plain(value: str) -> Any:
    """A form's value; what is nested comes as JSON in it."""
    return json.loads(value) if value[:1] in ("{", "[") else value
