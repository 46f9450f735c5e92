"""From a line to its reply: understood, allowed, run; or refused, with nothing left behind but an audit row."""

import logging

from django.db import transaction

from deploy_core.errors import DeployError, Refused
from deploy_core.ledger import audit
from deploy_core.safety import access, proof

from . import grammar, own_aliases, refusal, world
from .commands import COMMANDS
from .grammar import Parsed
from .invocation import Invocation, Reply
from .mistakes import Mistake, printable
from .order import Order
from .own_aliases import Expansion
from .registry import Command
from .verbs import BY_WORD
from .world import World

logger = logging.getLogger(__name__)


def handle(invocation: Invocation) -> Reply:
    """The answer to one line. It only writes rows, inside a savepoint; a refusal takes them back and is audited. That a
    code was used stands outside of it: it stays used when the command is refused.

    A line that is no command is refused too (`not_a_command`): whoever posts asks `bot.is_command` first.
    """
    seen = world.seen_by(invocation)
    parsed: Parsed | None = None
    try:
        with transaction.atomic():
            parsed, own = _understood(invocation, seen)
            if own and not BY_WORD[parsed.cmd].is_read_only:
                told = {"word": own.word, "command": {"line": own.line}}
                return Reply("alias_means", told, suggest=(own.line,))
            command, order = _ordered(parsed, invocation, seen)
            if not parsed.otp:
                return command.run(order)
        proof.give(invocation.actor, parsed.otp)
        with transaction.atomic():
            return command.run(order)
    except DeployError as error:
        _audit(error, parsed, invocation)
        return refusal.reply_to(error, parsed, invocation, seen)


def _understood(invocation: Invocation, seen: World) -> tuple[Parsed, Expansion | None]:
    """What the line says; with what it stands for, where it begins with one of its author's own words."""
    own = None
    try:
        parsed = grammar.parse(invocation.text, seen.context, surface=invocation.surface, room=invocation.room)
    except Mistake as mistake:
        own = own_aliases.expansion_of(mistake, invocation)
        if own is None:
            raise
        parsed = grammar.parse(own.line, seen.context, surface=invocation.surface, room=invocation.room)
    if parsed is None:
        raise Refused("not_a_command")
    return parsed, own


def _ordered(parsed: Parsed, invocation: Invocation, seen: World) -> tuple[Command, Order]:
    """The command that the line names, and what it is to do; refused where it may not be said."""
    command = COMMANDS.get(parsed.cmd)
    if command is None or invocation.surface not in command.surfaces:
        raise Refused("not_yet", command=parsed.cmd)
    order = Order(parsed, invocation, seen, is_act=command.permission != "view")
    if command.permission != "view" and order.app_name and parsed.env:
        access.require(invocation.actor, command.permission, order.app_name, parsed.env)
    return command, order


def _audit(error: DeployError, parsed: Parsed | None, invocation: Invocation) -> None:
    """Refused and mistyped commands are kept: who tried what, and what people expect to be able to type."""
    understood = parsed.as_json() if parsed else error.understood if isinstance(error, Mistake) else {}
    verb = str(understood.get("cmd") or "unknown")
    place = "/".join(str(understood[key]) for key in ("app", "env") if understood.get(key))
    number = f"#{understood['id']}" if understood.get("id") is not None else ""
    target = printable(f"{place} {number}".strip(), 200)
    audit.record(
        invocation.actor,
        f"command.{verb}",
        target,
        error.code,
        surface=invocation.surface,
        room=invocation.room,
        given=str(error.params.get("given", "")),
    )
    logger.info("%s on %s by %s refused: %s", verb, target or "nothing", invocation.actor, error.code)
