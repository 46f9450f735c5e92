"""Numbers of a stream have no holes, whoever writes at the same time: on SQLite and Postgres, by real processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services import migrated, postgres

ROOT = Path(__file__).resolve().parents[2]
WRITERS, ENTRIES = 3, 40


@pytest.fixture(params=["sqlite", "postgres"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `python WORDS…` on an empty database of its own."""
    environment = os.environ | {"SHIPROOM_DATA": str(tmp_path / "var")}
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    def on_database() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
        yield begin
        for process in started:
            process.kill()
            process.communicate()

    if request.param == "sqlite":
        environment.pop("DATABASE_URL", None)
        migrated.begin(tmp_path / "var")
        yield from on_database()
    else:
        with postgres.empty_database(request.getfixturevalue("postgres_url")) as url:
            environment["DATABASE_URL"] = url
            yield from on_database()


def _answer(process: "subprocess.Popen[str]") -> str:
    output, errors = process.communicate(timeout=180)
    assert process.returncode == 0, f"{process.args}:\n{output}{errors}"
    return output.strip()


def test_a_reader_with_a_cursor_misses_nothing_while_many_write_and_roll_back(start):
    deployment = _answer(start("-m", "tests.proof.writers", "make"))

    follower = start("-m", "tests.proof.writers", "follow", deployment, str(WRITERS * ENTRIES))
    writers = [start("-m", "tests.proof.writers", "write", deployment, str(ENTRIES)) for _ in range(WRITERS)]

    for process in (*writers, follower):
        _answer(process)
