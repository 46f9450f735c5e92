"""The one road in: every line that a person types, wherever, is stored once and answered once, in one transaction.

A command has a transaction to itself; lines of chat may share one (`chat.say`).

Order of locks: whatever the command takes (deployment, its stream, audit), then the heads of the person's and the
room's streams, last. Ringing follows the commit; a crash before it is healed by the ticker of whoever follows.
"""

import logging
from typing import cast

from django.db import OperationalError, transaction
from django.utils import timezone

import bot
from bot.invocation import Invocation, Reply, Surface
from chatops.room import authors, chat, effects
from chatops.room.chat import Outcome as Outcome
from chatops.room.chat import check as check
from chatops.room.chat import is_storable as is_storable
from chatops.room.models import Event, Line, Message, Room
from chatops.room.timeline import Timeline
from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import Person
from deploy_core.models.statements import insert_if_new, update

logger = logging.getLogger(__name__)


def post(
    *,
    author: Person,
    room: Room | None,
    text: str,
    client_id: str,
    surface: Surface,
    is_late: bool = False,
    reply_to: Message | None = None,
    bound_to: str = "",
) -> Outcome:
    """Store a line, let the bot answer if it is a command, and show in the room what is for everybody.

    The same author and client id give the same outcome for ever, and act once. `is_late`: the line waited through
    an outage; chat is still posted, a command is not run, but one that ran before it waited is answered. Without a room
    (a token or a webhook has none) the answer is the outcome alone, and rooms hear what follows from it as from any
    other. `bound_to`: as in `Invocation`.

    Raises:
        Refused: `bad_text`, `too_long`, `not_found` (the author is not in the room), `expired`, `not_a_command` (chat
            without a room). Nothing is stored.
    """
    check(text)
    kept = bot.mask(text)
    line = Line(author=author, room=room, text=kept.text, client_id=client_id, surface=surface, at=timezone.now())
    line.reply_to = reply_to
    if not bot.is_command(text, surface):
        if room is None:
            raise Refused("not_a_command")
        (answer,) = chat.say([line])
        if isinstance(answer, Exception):
            raise answer
        return answer
    if is_late:
        return _before(line)
    try:
        return _store(line, room, surface, kept.kinds, bound_to)
    except OperationalError as error:  # two transactions waited for each other, and this one had to go
        logger.info("storing a line once more: %s", error)
        line.pk = None
        return _store(line, room, surface, kept.kinds, bound_to)


def _before(line: Line) -> Outcome:
    """What came of the same line when it was in time.

    Raises:
        Refused: `expired`: it never was.
    """
    first = Line.objects.filter(author=line.author, client_id=line.client_id).first()
    if first is None:
        raise Refused("expired")
    return cast(Outcome, first.outcome | {"dup": True})


@transaction.atomic
def _store(line: Line, room: Room | None, surface: Surface, secrets: tuple[str, ...], bound_to: str) -> Outcome:
    if not _may_speak(line.author, room):
        raise Refused("not_found")
    if not insert_if_new(line):
        return _before(line)
    timeline = Timeline()
    reply = _refuse(line, secrets) if secrets else _answer(line, room, surface, bound_to)
    outcome, shown = _run(line, room, timeline, reply)
    timeline.write()
    if shown and room:
        outcome |= {"message": shown.payload["id"], "s": f"room:{room.pk}", "q": shown.number}
    line.outcome = outcome
    update(line, "outcome")
    return outcome


def _may_speak(author: Person, room: Room | None) -> bool:
    return author.is_active if room is None else authors.is_active_member(author.pk, room.pk)


def _refuse(line: Line, secrets: tuple[str, ...]) -> Reply:
    """A line with a secret in it is shown to nobody and does nothing; its author, who has it still, is told."""
    target = line.room.slug if line.room else ""
    audit.record(line.author, "chat.secret", target, "removed", surface=line.surface, kinds=list(secrets))
    return Reply("secret_in_chat", {"kinds": list(secrets)}, suggest=("/help",), is_error=True)


def _run(line: Line, room: Room | None, timeline: Timeline, reply: Reply) -> tuple[Outcome, Event | None]:
    shown = _show(line, room, timeline, reply) if room else None
    effects.apply(reply.effects, line, room, timeline)
    outcome = Outcome(
        result="error" if reply.is_error else "accepted" if reply.deployment_id else "done",
        message=None,
        s=None,
        q=None,
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


def _show(line: Line, room: Room, timeline: Timeline, reply: Reply) -> Event | None:
    """The answer, and what came of the line, to the room or to its author alone; the event that shows the line."""
    shown = None
    if reply.is_public and not reply.is_error:
        shown = timeline.command(line)
        timeline.answer(line, room, reply)
    else:
        timeline.private(line, room, reply)
    return shown


def _answer(line: Line, room: Room | None, surface: Surface, bound_to: str) -> Reply:
    if room is None:
        invocation = Invocation(line.text, line.author, surface, client_id=line.client_id, bound_to=bound_to)
    else:
        invocation = room.invocation(line.text, by=line.author, surface=surface, client_id=line.client_id)
    try:
        return bot.handle(invocation)
    except OperationalError:
        raise  # the whole transaction is tried again
    except Exception:
        logger.exception("the bot failed on a line of %s in %s", line.author, room)
        return Reply("internal", is_error=True)
