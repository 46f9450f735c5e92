"""A GitHub that speaks HTTP: statuses, check runs, deployments and their statuses, for repositories that it is told of.

It wants the token and JSON, answers as the real one does, pages nothing, and can be told to be ill.
"""

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_COMMIT = re.compile(
    r"/repos/(?P<repo>[^/]+/[^/]+)/commits/(?P<revision>[0-9a-f]{40})/(?P<what>status|check-runs)(\?.*)?"
)
_DEPLOYMENTS = re.compile(r"/repos/(?P<repo>[^/]+/[^/]+)/deployments(?:/(?P<id>\d+)/statuses)?")


@dataclass
class Deployed:
    """A deployment that was told, and the states that were."""

    repo: str
    told: dict[str, Any]
    states: list[str] = field(default_factory=list)


class GitHub(ThreadingHTTPServer):
    """`statuses[revision]` and `runs[revision]` are what it says; `answers` are given instead, once each."""

    daemon_threads = True

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Ask)
        self.token = token
        self.statuses: dict[str, dict[str, str]] = {}
        self.runs: dict[str, dict[str, str]] = {}
        self.answers: list[int] = []
        self.asked: list[str] = []
        self.deployments: dict[int, Deployed] = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Ask(BaseHTTPRequestHandler):
    server: GitHub

    def do_GET(self) -> None:
        match = _COMMIT.fullmatch(self.path)
        if not self._is_well(match):
            return
        assert match
        revision = match["revision"]
        if match["what"] == "status":
            said = self.server.statuses.get(revision, {})
            rows = [
                {"context": name, "state": state, "target_url": f"https://ci.example/{name}"}
                for name, state in said.items()
            ]
            self._answer(200, {"state": "pending", "statuses": rows})
        else:
            runs = self.server.runs.get(revision, {})
            rows = [
                {
                    "name": name,
                    "status": "completed" if end not in ("queued", "in_progress") else end,
                    "conclusion": end if end not in ("queued", "in_progress") else None,
                    "html_url": "https://ci.example/run",
                }
                for name, end in runs.items()
            ]
            self._answer(200, {"total_count": len(rows), "check_runs": rows})

    def do_POST(self) -> None:
        match = _DEPLOYMENTS.fullmatch(self.path)
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._is_well(match):
            return
        assert match
        if match["id"] is None:
            number = len(self.server.deployments) + 1
            self.server.deployments[number] = Deployed(match["repo"], told)
            self._answer(201, {"id": number})
        elif int(match["id"]) in self.server.deployments:
            self.server.deployments[int(match["id"])].states.append(told["state"])
            self._answer(201, {"id": 1, "state": told["state"]})
        else:
            self._answer(404, {"message": "Not Found"})

    def _is_well(self, match: re.Match[str] | None) -> bool:
        self.server.asked.append(f"{self.command} {self.path}")
        if self.server.answers:
            self._answer(self.server.answers.pop(0), {"message": "ill"})
            return False
        if self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._answer(401, {"message": "Bad credentials"})
            return False
        if match is None:
            self._answer(404, {"message": "Not Found"})
            return False
        return True

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
