"""Shiproom on several machines, as far as one machine can be several: Postgres, Redis, a web process and workers.

Each process has a data folder of its own; they share the database, Redis, the keys and, if wanted, the artifacts.
"""

import base64
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environ
import psycopg

from deploy_core.rules import manifest
from tests.core.world import Box
from tests.room.serving import Serving
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
ENDED = {"succeeded", "failed", "cancelled", "rolled_back"}


class Worker:
    """A `manage.py worker`; `name` is what its rows call it."""

    def __init__(self, environment: dict[str, str], data: Path) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=ROOT,
                env=environment | {"SHIPROOM_DATA": str(data)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def name(self) -> str:
        """As it says once it is ready, "" before."""
        lines = self.log.read_text().splitlines()
        ready = next((line for line in lines if line.startswith("worker ") and line.endswith("is ready")), "")
        return ready.split()[1] if ready else ""

    def wait_until_ready(self) -> None:
        named = wait_until(lambda: self.name or self.process.poll() is not None, what="a worker is ready")
        assert isinstance(named, str), self.log.read_text()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, also of one that is stopped."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)


class Installation:
    """A web process and workers on one database."""

    def __init__(self, folder: Path, database: str, redis: str, boxes: list[Box], **more: str) -> None:
        self.folder = folder
        self.database = database
        self.boxes = boxes
        self.workers: list[Worker] = []
        self.settings = {
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "SHIPROOM_KEY_FILE": str(folder / "web" / "keys.json"),
            "SHIPROOM_ARTIFACTS": str(folder / "artifacts"),
            "SHIPROOM_GIT_FILE_URLS": "1",
            "SHIPROOM_TICK_S": "0.2",
            "SHIPROOM_EXECUTOR_SILENT_S": "3",
            "SHIPROOM_LOG_LEVEL": "INFO",
            **more,
        }
        self.web = Serving(folder / "web", **self.settings)
        self.environment = self.web.environment
        self._make_keys(Path(self.settings["SHIPROOM_KEY_FILE"]))
        self._numbers = 0
        self._connection: psycopg.Connection[Any] | None = None
        self._connecting = threading.Lock()

    def _make_keys(self, path: Path) -> None:
        """The key ring that all processes share; none of them makes it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = {"k1": base64.b64encode(secrets.token_bytes(32)).decode()}
        path.touch(mode=0o600)
        path.write_text(json.dumps({"primary": "k1", "keys": keys}))

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self, repository: Path) -> None:
        """Two workers and the web process. The first worker waits until somebody migrates."""
        first = self.add_worker()
        self.seed(repository)
        second = self.add_worker()
        self.web.start()
        for worker in (first, second):
            worker.wait_until_ready()

    def seed(self, repository: Path) -> None:
        boxes = [(str(it.folder), it.port, it.host, it.login) for it in self.boxes]
        code = f"""
from pathlib import Path
from django.core.management import call_command
call_command("migrate", verbosity=0)
from chatops.demo.keys import Key
from tests.core.world import Box
from tests.workers import world
world.make("file://{repository}", [Box(Path(folder), *more) for folder, *more in {boxes!r}])
"""
        told = json.loads(self.web.manage("shell", "--no-imports", "-c", code).splitlines()[-1])
        self.web.room, self.web.keys = told["room"], told["keys"]

    def add_worker(self, **more: str) -> Worker:
        self._numbers += 1
        worker = Worker(self.environment | more, self.folder / f"worker-{self._numbers}")
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
        if self._connection is not None:
            self._connection.close()
        if self.web.process is not None and self.web.process.poll() is None:
            self.web.process.kill()
            self.web.process.wait()

    def restart_database(self) -> None:
        """One process of Postgres is killed, so it ends all of them, recovers, and takes connections again. Where it is
        on another machine, it ends those of this database.
        """
        if os.environ.get("DATABASE_URL"):
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            self.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        else:
            os.kill(self.one("SELECT pg_backend_pid()"), signal.SIGKILL)

        def is_back() -> bool:
            try:
                return bool(self.one("SELECT 1") == 1)
            except psycopg.OperationalError:
                return False

        wait_until(is_back, what="Postgres is back")

    def tail(self) -> str:
        """What all of them said last."""
        logs = [worker.log for worker in self.workers] + [self.web.data.parent / "serve.log"]
        return "\n".join(
            f"== {log.name}\n" + "\n".join(log.read_text().splitlines()[-40:]) for log in logs if log.exists()
        )

    # --- rows -------------------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        done = self._connected().execute(query, values)  # type: ignore[arg-type]
        return done.fetchall() if done.description else []

    def _connected(self) -> "psycopg.Connection[Any]":
        with self._connecting:  # those who watch do so in threads
            if self._connection is None or self._connection.closed:
                given = environ.Env.db_url_config(self.database)
                known = {key.lower(): given[key] for key in ("HOST", "PORT", "USER", "PASSWORD") if given[key]}
                self._connection = psycopg.connect(dbname=given["NAME"], autocommit=True, **known)
            return self._connection

    def one(self, query: str, *values: Any) -> Any:
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def say(self, line: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`manage.py say` in a process of its own, as alice."""
        return subprocess.run(
            [sys.executable, "manage.py", "say", "--room", "demo", "--as", "alice", line, *words],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def ask(self, line: str) -> int:
        """Type a line; the number of the deployment that it made."""
        said = self.say(line)
        assert said.returncode == 0, said.stdout + said.stderr
        return int(self.one("SELECT max(id) FROM deploy_core_deployment"))

    def status(self, number: int) -> str:
        return str(self.one("SELECT status FROM deploy_core_deployment WHERE id = %s", number))

    def ended(self, number: int, timeout_s: float = 120) -> str:
        what = f"#{number} ends"
        return wait_until(lambda: self.status(number) in ENDED and self.status(number), timeout_s, what=what)

    def use(self, pipeline: str) -> None:
        """What the shop's deploy.yml says from now on."""
        self.rows("UPDATE deploy_core_app SET pipeline = %s", pipeline)

    def runs(self, number: int, kind: str) -> bool:
        """Whether a step of this kind runs in a deployment."""
        query = "SELECT count(*) FROM deploy_core_step WHERE deployment_id = %s AND kind = %s AND status = 'running'"
        return bool(self.one(query, number, kind))

    def told(self, number: int) -> str:
        """What there is to know of a deployment, for the message of an assertion that failed."""
        steps = self.rows(
            "SELECT key, status, reason, attempt FROM deploy_core_step WHERE deployment_id = %s ORDER BY position",
            number,
        )
        head = self.rows(
            "SELECT status, reason, reason_params::text, executor FROM deploy_core_deployment WHERE id = %s", number
        )
        return "\n".join(map(str, [*head, *steps])) + "\n" + self.tail()

    def owner(self, number: int) -> Worker | None:
        """The worker that has a deployment in hand."""
        name = self.one("SELECT executor FROM deploy_core_deployment WHERE id = %s", number)
        return next((worker for worker in self.workers if worker.name and worker.name == name), None)

    def release(self, number: int) -> str:
        """The name of the release that a deployment made."""
        query = "SELECT r.name FROM deploy_core_release r JOIN deploy_core_deployment d ON d.release_id = r.id"
        return str(self.one(f"{query} WHERE d.id = %s", number))

    # --- servers ----------------------------------------------------------------------------------------------------

    @contextmanager
    def watched(self, environment: str) -> Iterator[None]:
        """All the while, `current` of each server leads to a release that is whole, file by file."""
        wrong: list[BaseException] = []
        over = threading.Event()

        def look(box: Box) -> None:
            link = box.folder / "srv" / environment / "current"
            while not over.wait(0.05) and not wrong:
                led_to = link.readlink() if link.is_symlink() else None
                try:
                    self._current(link.parent)
                except (AssertionError, OSError) as error:
                    if link.is_symlink() and link.readlink() == led_to:  # else it was switched while we looked
                        wrong.append(error)
                except psycopg.OperationalError:
                    """The database is restarting; the servers are looked at when it is back."""

        looking = [threading.Thread(target=look, args=(box,), daemon=True) for box in self.boxes]
        for thread in looking:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in looking:
                thread.join(30)
        if wrong:
            raise wrong[0]

    def currents(self, environment: str) -> list[str]:
        """What `current` leads to on each server ("": nothing yet), which is complete, file by file."""
        return [self._current(box.folder / "srv" / environment) for box in self.boxes]

    def _current(self, home: Path) -> str:
        link = home / "current"
        if not link.is_symlink():
            return ""
        release = link.resolve()
        assert release.parent == (home / "releases").resolve()
        identity = release.with_name(release.name + ".id").read_text().strip()
        packed = self.one("SELECT packed FROM deploy_core_manifest WHERE id = %s", identity)
        wanted = manifest.unpack(bytes(packed))
        for path, entry in wanted.entries.items():
            if entry.kind in (b"f", b"fx"):
                content = (release / os.fsdecode(path)).read_bytes()
                assert hashlib.sha256(content).hexdigest().encode() == entry.value, path
        return release.name
