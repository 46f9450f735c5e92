"""`manage.py serve` in a process of its own, with a room and people in it, for tests that need real sockets."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.services import migrated
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 90.0
_SEED = """
import json
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests import factories
from tests.room.conftest import sign_in
people = {name: factories.person(name) for name in ("alice", "bob")}
room = factories.room("demo", members=tuple(people.values()))
print(json.dumps({"room": room.pk, "keys": {name: sign_in(person) for name, person in people.items()}}))
"""


class Serving:
    """A server that answers at `url`; `log` is what it said."""

    def __init__(self, data: Path, *, log: str = "serve.log", **settings: str) -> None:
        self.data = data
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "PORT")},
            "SHIPROOM_DATA": str(data),
            "SHIPROOM_LOG_LEVEL": "DEBUG",
            **settings,
        }
        self.url = ""
        self.room = 0
        self.keys: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._log = data.parent / log

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def seed(self) -> None:
        if "DATABASE_URL" not in self.environment:
            migrated.begin(self.data)
        told = json.loads(self.manage("shell", "--no-imports", "-c", _SEED).splitlines()[-1])
        self.room, self.keys = told["room"], told["keys"]

    def start(self, *words: str) -> None:
        self._log.touch()
        start = len(self.log)
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", *(words or ("--port", "0"))],
                cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        found = wait_until(
            lambda: self._is_ended() or re.search(r"Shiproom is at (http://\S+?)/ ", self.log[start:]), START_S
        )
        assert isinstance(found, re.Match), self.log
        self.url = found[1]

    def _is_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        return host, int(port)

    @property
    def resident_kib(self) -> int:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]

    @contextmanager
    def socket(self, person: str, **options: Any) -> Iterator["Socket"]:
        """A socket of a person that has said hello."""
        headers = {"Cookie": f"session={self.keys[person]}"}
        address = self.url.replace("http", "ws", 1) + "/rt/ws"
        options = {"max_size": None, "compression": None, "proxy": None, "close_timeout": 1} | options
        with connect(address, origin=self.url, additional_headers=headers, **options) as line:
            socket = Socket(line, self.room)
            socket.send({"t": "hello", "v": 1, "want": [f"room:{self.room}"], "resume": []})
            socket.next("welcome")
            yield socket


class Socket:
    """A page's end of a real socket."""

    def __init__(self, line: ClientConnection, room: int) -> None:
        self.line = line
        self.room = room

    def send(self, frame: dict[str, Any]) -> None:
        self.line.send(json.dumps(frame, ensure_ascii=False))

    def next(self, *kinds: str) -> dict[str, Any]:
        """The next frame of these kinds; all others are dropped."""
        while True:
            frame: dict[str, Any] = json.loads(self.line.recv(timeout=30))
            if frame["t"] in kinds:
                return frame

    def say(self, text: str, cid: str) -> dict[str, Any]:
        self.send({"t": "message", "cid": cid, "room": self.room, "text": text})
        return self.next("ack", "err")


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Serving]:
    """A server that is gone after the block."""
    server = Serving(folder / "var", **settings)
    server.data.parent.mkdir(parents=True, exist_ok=True)
    server.seed()
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        with contextlib.suppress(OSError):
            server._log.unlink()
