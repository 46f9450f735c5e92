"""A disk that is full at each write of a line: the line is refused whole, and goes through once there is room."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from chatops.room import pool
from chatops.room.models import Event, Line, Message
from deploy_core.ledger import audit
from deploy_core.models import AuditEntry, Deployment, JournalEntry, Notice, Step, StreamHead
from tests.room.conftest import Cast, Client, Connect, off_loop

#: More pages of the database than either line takes.
MOST = 80


class SmallDisk:
    """The database file may grow by `free` pages during each piece of the room's work, and SQLite then finds the disk
    full, as it does where the disk is. None: by any number.
    """

    def __init__(self) -> None:
        self.free: int | None = None

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        with connection.cursor() as cursor:
            if self.free is not None:
                size = cursor.execute("PRAGMA page_count").fetchone()[0]
                cursor.execute(f"PRAGMA max_page_count = {size + self.free}")
            try:
                yield
            finally:
                cursor.execute("PRAGMA max_page_count = 1073741823")

    def around(self, keeping: Callable[..., Any]) -> Callable[..., Any]:
        def limited(work: Callable[[], Any]) -> Any:
            def act() -> Any:
                with self._limited():
                    return work()

            return keeping(act)

        return limited


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    made = SmallDisk()
    monkeypatch.setattr(pool, "_keeping", made.around(pool._keeping))
    return made


def _compact() -> None:
    """Give every page that is free back: what is written next needs room."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")


def _stored() -> list[Any]:
    tables = (Line, Message, Event, Deployment, Step, JournalEntry, Notice, AuditEntry)
    return [*(table.objects.count() for table in tables), *StreamHead.objects.order_by("pk").values_list("number")]


def _is_whole() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        return bool(cursor.fetchone() == ("ok",) and audit.verify().broken_at is None)


async def _until_there_is_room(cast: Cast, alice: Client, disk: SmallDisk, frame: dict[str, Any]) -> int:
    """Send one line while there is room for no page, for one, for two and so on; how often it was refused."""
    before = await off_loop(_stored)
    for disk.free in range(MOST):
        answer = await alice.ask({**frame, "room": cast.room.pk}, "ack")
        if answer["t"] == "ack":
            assert "dup" not in answer
            return disk.free
        assert answer["code"] == "unavailable"
        assert await off_loop(_stored) == before
    raise AssertionError("it is refused for ever")


@pytest.mark.parametrize(("kind", "text"), [("message", "字" * 8000), ("command", "/deploy shop to staging")])
async def test_a_line_is_refused_whole_at_each_of_its_writes_until_there_is_room(
    cast: Cast, connect: Connect, settings, disk: SmallDisk, kind: str, text: str
):
    settings.SEND_RATE = settings.ASK_RATE = 10_000
    async with connect(cast.alice, cast.stream) as alice:
        await off_loop(_compact)
        refused = []
        while sum(refused) < 3 and len(refused) < 40:  # the first fit into pages that are there
            frame = {"t": kind, "cid": f"c{len(refused)}", "text": text}
            refused.append(await _until_there_is_room(cast, alice, disk, frame))
        disk.free = None
        assert (await alice.say(cast.room, "and on it goes"))["t"] == "ack"

    assert sum(refused) >= 3
    assert await off_loop(_is_whole)
    assert await off_loop(lambda: Line.objects.count()) == len(refused) + 1
