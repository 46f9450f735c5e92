"""The one road in: every line that a person types, wherever, is stored once and answered once, in one transaction.

Order of locks: whatever the command takes (deployment, its stream, audit), then the heads of the person's and the
room's streams, last. Ringing follows the commit; a crash before it is healed by the ticker of whoever follows.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypedDict, cast

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

import bot
from bot.invocation import Announce, Reply, Surface
from chatops.room.models import Event, Line, Membership, Room
from chatops.room.timeline import Timeline
from deploy_core.errors import Refused
from deploy_core.models import Deployment, Person

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


#: Lets the bot answer, or not; returns what came of the line and the event that shows it.
Run = Callable[[Line, Room, Timeline], tuple[Outcome, Event | None]]


def post(*, author: Person, room: Room, text: str, client_id: str, surface: Surface, is_late: bool = False) -> Outcome:
    """Store a line, let the bot answer if it is a command, and show in the room what is for everybody.

    The same author and client id give the same outcome for ever, and act once. `is_late`: the line waited through
    an outage; chat is still posted, a command is not run.

    Raises:
        Refused: `bad_text`, `too_long`, `not_found` (the author is not in the room), `expired`. Nothing is stored.
    """
    check(text)
    is_command = bot.is_command(text, surface)
    if is_late and is_command:
        raise Refused("expired")
    line = Line(author=author, room=room, text=text, client_id=client_id, surface=surface, at=timezone.now())
    run = partial(_run, surface=surface) if is_command else _say
    try:
        return _store(line, room, run)
    except OperationalError as error:  # two transactions waited for each other, and this one had to go
        logger.info("storing a line once more: %s", error)
        line.pk = None
        return _store(line, room, run)


def check(text: str) -> None:
    """
    Raises:
        Refused: `too_long`, or `bad_text` for what no database or page holds: nothing, NUL, half a surrogate pair.
    """
    if len(text) > settings.TEXT_LIMIT:
        raise Refused("too_long", limit=settings.TEXT_LIMIT)
    if not text.strip() or "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused("bad_text")


@transaction.atomic
def _store(line: Line, room: Room, run: Run) -> Outcome:
    if not Membership.objects.filter(person=line.author, room=room, person__is_active=True).exists():
        raise Refused("not_found")
    try:
        with transaction.atomic():
            line.save(force_insert=True)
    except IntegrityError:
        first = Line.objects.get(author=line.author, client_id=line.client_id)
        return cast(Outcome, first.outcome | {"dup": True})
    timeline = Timeline()
    outcome, shown = run(line, room, timeline)
    timeline.write()
    outcome["s"], outcome["q"] = (f"room:{room.pk}", shown.number) if shown else (None, None)
    line.outcome = outcome
    line.save(update_fields=["outcome"])
    return outcome


def _say(line: Line, room: Room, timeline: Timeline) -> tuple[Outcome, Event | None]:
    shown = timeline.chat(line, room)
    return Outcome(result="posted", message=shown.payload["id"], reply=None, deployment=None), shown


def _run(line: Line, room: Room, timeline: Timeline, *, surface: Surface) -> tuple[Outcome, Event | None]:
    reply = _answer(line, room, surface)
    shown = None
    if reply.is_public and not reply.is_error:
        shown = timeline.command(line, room)
        timeline.answer(line, room, reply)
    else:
        timeline.private(line, room, reply)
    for effect in reply.effects:
        if isinstance(effect, Announce):
            timeline.card(room, Deployment.objects.get(pk=effect.deployment_id))
    outcome = Outcome(
        result="error" if reply.is_error else "accepted" if reply.deployment_id else "done",
        message=shown.payload["id"] if shown else None,
        reply={
            "code": reply.code,
            "params": dict(reply.params),
            "suggest": list(reply.suggest),
            "is_error": reply.is_error,
            "is_public": reply.is_public,
        },
        deployment=None if reply.is_error else reply.deployment_id,
    )
    return outcome, shown


def _answer(line: Line, room: Room, surface: Surface) -> Reply:
    try:
        return bot.handle(room.invocation(line.text, by=line.author, surface=surface, client_id=line.client_id))
    except OperationalError:
        raise  # the whole transaction is tried again
    except Exception:
        logger.exception("the bot failed on a line of %s in %s", line.author, room)
        return Reply("internal", is_error=True)
