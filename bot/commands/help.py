"""Commands about the bot and about oneself."""

from typing import Any

from bot import elsewhere
from bot.invocation import Reply
from bot.order import Order
from bot.phrases.tables import phrase, table
from bot.registry import COMMANDS, Argument, command, in_order
from deploy_core.errors import Refused
from deploy_core.models import Lock
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import locks


@command("help", Argument("command", "command"), example="/help deploy")
def help(order: Order) -> Reply:
    topic = order.parsed.topic
    if topic:
        if topic not in COMMANDS:
            raise Refused("not_yet", command=topic)
        known = COMMANDS[topic]
        told = {
            "usage": phrase(f"usage.{topic}"),
            "summary": phrase(f"help.{topic}"),
            "aliases": list(known.verb.aliases),
        }
        return Reply("help.command", told, suggest=(order.line(known.example.removeprefix("/")),))
    rows = [[phrase(f"usage.{each.name}"), phrase(f"help.{each.name}")] for each in in_order(order.invocation.surface)]
    return Reply("help", {"table": table(("command", "does"), rows)})


@command("whoami", example="/whoami")
def whoami(order: Order) -> Reply:
    everything = phrase("word.everything")
    rows = [
        [
            phrase(f"role.{grant.role}"),
            everything if grant.app == EVERYWHERE else grant.app,
            everything if grant.environment == EVERYWHERE else grant.environment,
        ]
        for grant in order.world.rights
    ]
    actor = order.invocation.actor
    told = {
        "who": actor.username,
        "zone": order.zone().key,
        "identities": elsewhere.accounts_of(actor),
        "locks": [_held(lock) for lock in locks.standing() if lock.owner == actor],
    }
    if not rows:
        return Reply("whoami.no_roles", told)
    return Reply("whoami", {**told, "table": table(("role", "app", "environment"), rows)})


def _held(lock: Lock) -> dict[str, Any]:
    return phrase("word.place", locks.place(lock.app, lock.environment))
