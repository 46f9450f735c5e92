"""Shiproom itself, as people run it: `manage.py demo` in a process of its own on a data folder of its own.

Tests look at what it shows (its pages, its shell, the app's ports) and, for the truth, into its database, read-only.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.services import migrated
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"(?P<url>http://[^\s/]+)/accounts/link/[\w-]+/")
START_S = 90.0


def _clean(data: Path, **more: str) -> dict[str, str]:
    """An environment in which only what is said here differs from a fresh shell."""
    ours = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "SHIPROOM_KEY_FILE", "SHIPROOM_ARTIFACTS", "DEBUG")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"DJANGO_SETTINGS_MODULE": "chatops.settings", "SHIPROOM_DATA": str(data), **more}


def _free_port() -> int:
    """A port that was free a moment ago; the demo steps over a taken one, and says which it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Shiproom:
    """One running demo. `url` has no slash at its end; `links` holds a sign-in address per person, good for one use."""

    def __init__(self, data: Path, *, servers: int = 3, **settings: str) -> None:
        self.data = data
        self.servers = servers
        self.environment = _clean(data, PORT=str(_free_port()), **settings)
        self.log = data.parent / "shiproom.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.links: dict[str, str] = {}
        self._cookies: dict[str, dict[str, str]] = {}

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, and wait until it answers."""
        offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--servers", str(self.servers)],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.links = {}
        wait_until(lambda: self._read_links(offset), START_S, what=f"the demo starts; log:\n{self.tail()}")
        wait_until(self._is_healthy, START_S, what="/healthz answers")

    def _read_links(self, offset: int) -> bool:
        self._fail_if_ended()
        text = self.log.read_bytes()[offset:].decode(errors="replace")
        for line in text.splitlines():
            if found := LINK.search(line):
                self.url = found["url"]
                person = re.search(r"\b(alice|bob|carol)\b", line.replace(found[0], ""))
                if person:
                    self.links[person[1]] = found[0]
        return len(self.links) == 3

    def _is_healthy(self) -> bool:
        self._fail_if_ended()
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _fail_if_ended(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the demo ended with {self.process.returncode}:\n{self.tail()}")

    def kill(self) -> None:
        """`kill -9` of the one process, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ctrl-C, as at a terminal; whatever is left of it after 20 s is killed."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.children_left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def children_left(self) -> list[int]:
        """Processes that live in the data folder: copies of the app, SSH servers."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                folder = os.readlink(entry / "cwd")
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                if folder.startswith(str(self.data)) or str(self.data) in command:
                    found.append(int(entry.name))
        return [pid for pid in found if pid != os.getpid()]

    def tail(self, lines: int = 80) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    # --- its shell ----------------------------------------------------------------------------------------------

    def manage(self, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """`manage.py WORDS…` on the same data folder."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def say(self, line: str, *, by: str = "alice", wait: bool = True) -> subprocess.CompletedProcess[str]:
        """`manage.py say` in the demo's room."""
        return self.manage("say", "--room", "demo", "--as", by, line, *(["--wait"] if wait else []))

    def run_code(self, code: str) -> str:
        """What `code` prints in `manage.py shell`, for rows that no page makes yet."""
        done = self.manage("shell", "--no-imports", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def cookies(self, person: str) -> dict[str, str]:
        """What a browser holds after it opened the person's link and pressed the button; the link works once."""
        if person not in self._cookies:
            with httpx.Client(trust_env=False, timeout=20) as client:
                page = client.get(self.links[person])
                token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
                assert token, page.text
                headers = {"Referer": self.links[person], "Origin": self.url}
                done = client.post(self.links[person], data={"csrfmiddlewaretoken": token[1]}, headers=headers)
                assert done.status_code == 302, done.text
                self._cookies[person] = dict(client.cookies)
        return self._cookies[person]

    # --- the truth ----------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The answer of its database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'app.db'}?mode=ro", uri=True, timeout=20)) as db:
            return db.execute(query, values).fetchall()

    def newest_deployment(self) -> int:
        """The number of the newest deployment, 0 before the first."""
        return int(self.rows("SELECT coalesce(max(id), 0) FROM deploy_core_deployment")[0][0])

    def deployment_after(self, number: int) -> int:
        """The first deployment asked for after `number`."""
        query = "SELECT min(id) FROM deploy_core_deployment WHERE id > ?"
        return int(wait_until(lambda: self.rows(query, number)[0][0], what=f"a deployment after #{number}"))

    def ended(self, number: int, timeout_s: float = 60) -> tuple[str, str]:
        """Status and reason of a deployment, once it has ended."""
        query = "SELECT status, reason FROM deploy_core_deployment WHERE id = ? AND finished IS NOT NULL"
        return wait_until(lambda: self.rows(query, number), timeout_s, what=f"the end of #{number}")[0]

    def steps(self, number: int) -> dict[str, str]:
        """Status of each step of a deployment by its key."""
        return dict(self.rows("SELECT key, status FROM deploy_core_step WHERE deployment_id = ?", number))

    def placements(self, environment: str, app: str = "shop") -> dict[str, dict[str, Any]]:
        """The variables of an environment's servers, by server name."""
        query = """
            SELECT s.name, p.variables FROM deploy_core_placement p
            JOIN deploy_core_server s ON s.id = p.server_id
            JOIN deploy_core_environment e ON e.id = p.environment_id
            JOIN deploy_core_app a ON a.id = e.app_id
            WHERE e.name = ? AND a.name = ? ORDER BY p.position
        """
        return {name: json.loads(variables) for name, variables in self.rows(query, environment, app)}

    def versions(self, environment: str) -> dict[str, str]:
        """The version that the copy of the app on each server says it is ("" when none answers)."""
        return {name: _version(int(variables["PORT"])) for name, variables in self.placements(environment).items()}


def _version(port: int) -> str:
    try:
        return str(httpx.get(f"http://127.0.0.1:{port}/version", timeout=5, trust_env=False).json()["version"])
    except httpx.TransportError:
        return ""


@contextmanager
def running(*, servers: int = 3, **settings: str) -> Iterator[Shiproom]:
    """A demo that answers; it and all it started are gone after the block."""
    # Not pytest's folder: Unix sockets and server paths below it must stay short.
    with tempfile.TemporaryDirectory(prefix=f"shiproom-{secrets.token_hex(2)}-", ignore_cleanup_errors=True) as folder:
        room = Shiproom(Path(folder, "var"), servers=servers, **settings)
        migrated.begin(room.data)
        try:
            room.start()
            yield room
        finally:
            room.stop()
