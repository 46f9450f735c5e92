"""Commands about one's own words for whole lines."""

import re

from bot.grammar import clickable, parse
from bot.invocation import Reply
from bot.models import OwnAlias
from bot.order import Order
from bot.phrases.tables import Cell, table
from bot.registry import Argument, command
from bot.suggest import near
from deploy_core.errors import Refused, UnknownName

MOST = 50
_PREFIX = re.compile(r"\A[/.!](?=[A-Za-z])")


@command("alias", Argument("pattern", "alias_word", is_required=True), example="/alias hot = deploy shop to staging")
def alias(order: Order) -> Reply:
    word, person = order.parsed.name, order.invocation.actor
    if order.world.context.app(word):
        raise Refused("alias_is_app", given=word)
    line = _PREFIX.sub("", order.parsed.line)
    meant = parse(f"/{line}", order.world.context, room=order.invocation.room)
    if meant is None or meant.cmd in ("alias", "unalias"):
        raise Refused("alias_of_nothing", given=order.parsed.line[:80])
    mine = OwnAlias.objects.filter(person=person)
    if mine.exclude(word=word).count() >= MOST:
        raise Refused("alias_too_many", limit=MOST, suggest=[order.line("aliases")])
    OwnAlias.objects.update_or_create(person=person, word=word, defaults={"line": line})
    told = {"word": word, "command": {"line": clickable(line, order.invocation.surface)}}
    return Reply("alias_kept", told, suggest=(order.line(word),))


@command("unalias", Argument("alias", "alias_word", is_required=True), example="/unalias hot")
def unalias(order: Order) -> Reply:
    word, mine = order.parsed.name, OwnAlias.objects.filter(person=order.invocation.actor)
    if not mine.filter(word=word).delete()[0]:
        meant = near(word, mine.values_list("word", flat=True))
        lines = [order.line(f"unalias {name}") for name in meant] or [order.line("aliases")]
        raise UnknownName("unknown_alias", given=word[:63], suggest=lines)
    return Reply("alias_gone", {"word": word}, suggest=(order.line("aliases"),))


@command("aliases", example="/aliases")
def aliases(order: Order) -> Reply:
    surface = order.invocation.surface
    rows: list[list[Cell]] = [
        [own.word, {"line": clickable(own.line, surface)}]
        for own in OwnAlias.objects.filter(person=order.invocation.actor)
    ]
    if not rows:
        return Reply("aliases.none", suggest=(order.line("help alias"),))
    return Reply("aliases", {"table": table(("alias", "command"), rows)})
