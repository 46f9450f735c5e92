"""Lines of chat, stored many at a time: one commit, and so one wait for the disk, for all that came meanwhile.

Each line keeps its own answer. Order of locks: the messages (unique by author and client id), then the heads of the
rooms' streams, then rows that nobody else writes.
"""

import logging
from collections.abc import Sequence
from typing import Any, TypedDict, cast

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from chatops.room import authors
from chatops.room.authors import Name
from chatops.room.models import Event, Line
from chatops.room.timeline import Timeline
from deploy_core.errors import Refused
from deploy_core.models.statements import insert

logger = logging.getLogger(__name__)


class Outcome(TypedDict, total=False):
    """What came of a line. `s` and `q` name the event that shows it in the room; `dup`: the line came before.

    `result`: posted (chat), done (a command was answered), accepted (deployment `deployment` began) or error
    (nothing was done and nothing is shown to others). `reply` has `code, params, suggest, is_error, is_public`.
    """

    result: str
    message: int | None
    s: str | None
    q: int | None
    reply: dict[str, Any] | None
    deployment: int | None
    dup: bool


def check(text: str) -> None:
    """
    Raises:
        Refused: `too_long`, or `bad_text` for what no database or page holds: nothing, NUL, half a surrogate pair.
    """
    if len(text) > settings.TEXT_LIMIT:
        raise Refused("too_long", limit=settings.TEXT_LIMIT)
    if not text.strip() or not is_storable(text):
        raise Refused("bad_text")


def is_storable(text: str) -> bool:
    """Whether every database and page can hold it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def say(lines: Sequence[Line]) -> list[Outcome | Exception]:
    """Store `lines` (unsaved, none a command), show them in their rooms, and return what came of each, in order.

    An author who is not in the room gets `Refused` with `not_found`, one who may only read there `read_only`. A line
    that fails takes no other with it.
    """
    try:
        return _store(lines)
    except (IntegrityError, OperationalError) as error:  # another process stored one of them too, or had to go first
        logger.info("storing %d lines one by one: %s", len(lines), error)
        return [_alone(line) for line in lines]


def _alone(line: Line) -> Outcome | Exception:
    line.pk, line.outcome = None, {}
    try:
        (answer,) = _store([line])
    except Exception as error:
        logger.exception("could not store a line of %s", line.author)
        return error
    return answer


@transaction.atomic
def _store(lines: Sequence[Line]) -> list[Outcome | Exception]:
    writers, known = authors.writers(lines), authors.known(lines)
    timeline = Timeline()
    fresh: dict[Name, tuple[Line, Event]] = {}
    for line in lines:
        name = _name(line)
        if writers.get((line.author_id, line.room_id)) and name not in known and name not in fresh:
            fresh[name] = line, timeline.chat(line)
    timeline.write()
    for line, shown in fresh.values():
        line.outcome = Outcome(
            result="posted", message=shown.payload["id"], s=f"room:{line.room_id}", q=shown.number,
            reply=None, deployment=None,
        )  # fmt: skip
    insert([line for line, _ in fresh.values()])
    known |= {name: line.outcome for name, (line, _) in fresh.items()}
    return [
        Refused("not_found") if (line.author_id, line.room_id) not in writers
        else Refused("read_only") if not writers[line.author_id, line.room_id]
        # Only the first of equal lines has an outcome of its own.
        else cast(Outcome, line.outcome or known[_name(line)] | {"dup": True})
        for line in lines
    ]  # fmt: skip


def _name(line: Line) -> Name:
    return line.author_id, line.client_id
