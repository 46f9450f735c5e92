"""The set test on SQLite, where everything is one process: it is killed, its lines are cut and hang. A part of
`make soak`; tests/workers/test_nemesis.py has it with Postgres, Redis and workers, and in `make test`.
"""

import asyncio
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.proof.nemesis import Door, Nemesis, Page, Set
from tests.reach.wires import wire_to
from tests.room.serving import Serving

SEED = int(os.environ.get("SHIPROOM_SEED", "20"))
ROUNDS = 12


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(
        tmp_path / "var", SHIPROOM_SEND_RATE="1000", SHIPROOM_ASK_RATE="5000", SHIPROOM_SOCKETS_PER_PERSON="100",
        SHIPROOM_POLLS_PER_PERSON="100", SHIPROOM_LOG_LEVEL="WARNING",
    )  # fmt: skip
    made.seed()
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(20)


def test_what_was_acknowledged_is_read_by_all_once_in_order_whoever_is_killed(server: Serving):
    def rows(query: str) -> list[tuple]:
        with closing(sqlite3.connect(server.data / "app.db", timeout=30)) as database:
            return database.execute(query).fetchall()

    def log() -> list[tuple[int, str]]:
        return rows("SELECT number, client_id FROM room_event WHERE stream_kind = 'room' ORDER BY number")

    with wire_to(server.address[1]) as (port, wire):
        doors = [Door(server, port, wire)]
        pages = [
            Page(random.Random(f"{SEED} {n}"), server.keys[name], server.room, doors)
            for n, name in enumerate(("alice", "alice", "bob"))
        ]
        nemesis = Nemesis(SEED, doors)
        told = Set(SEED, pages)
        asyncio.run(told.play([fault for _ in range(ROUNDS) for fault in nemesis.faults()], log))

        told.check(log(), dict(rows("SELECT client_id, outcome FROM room_line")))
