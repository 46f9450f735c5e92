"""Commands that keep others out for a while: locks and freezes, and the lists of them."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from bot.invocation import Reply
from bot.order import Order
from bot.phrases.tables import Cell, at, phrase, table
from bot.registry import Argument, command
from bot.wishes import span_or_none
from deploy_core.models import App, Window
from deploy_core.rules.windows import days_text
from deploy_core.safety import freezes as core_freezes
from deploy_core.safety import locks as core_locks
from deploy_core.safety.locks import EVERYWHERE

_APP = Argument("app", "app", is_required=True)
_IN = Argument("environment", "in_environment", after="in")


@command("lock", _APP, _IN, permission="lock", example="/lock shop in staging for 2h because a database migration")
def lock(order: Order) -> Reply:
    app, environment = _scope(order)
    taken = core_locks.take(
        app,
        environment,
        by=order.invocation.actor,
        reason=order.parsed.reason,
        until=_until(order, timezone.now()),
        steal=order.parsed.force,
    )
    told = core_locks.told(taken.lock)
    if taken.stolen_from:
        return _answer(order, "locked_now.stolen", app, **told, owner=taken.stolen_from.username)
    return _answer(order, "locked_now", app, **told)


@command("unlock", _APP, _IN, permission="lock", example="/unlock shop in staging")
def unlock(order: Order) -> Reply:
    actor = order.invocation.actor
    if order.parsed.scope == "mine":
        return Reply("unlocked.all", {"count": len(core_locks.release_mine(actor))})
    app, environment = _scope(order)
    released = core_locks.release(app, environment, by=actor, force=order.parsed.force)
    return _answer(order, "unlocked", app, **core_locks.told(released))


@command("locks", Argument("app", "app"), Argument("environment", "environment"), example="/locks shop")
def locks(order: Order) -> Reply:
    shown = [row for row in core_locks.standing() if order.concerns(row)]
    rows: list[list[Cell]] = [
        [*_place(row), row.owner.username, at(row.created), at(row.expires), row.reason] for row in shown
    ]
    if not rows:
        return order.answer("locks.none")
    head = ("app", "environment", "by", "since", "until", "reason")
    return order.answer("locks", *_apps(shown), table=table(head, rows))


@command("freeze", _APP, _IN, permission="approve", example="/freeze shop in staging for 2h because of an audit")
def freeze(order: Order) -> Reply:
    app, environment = _scope(order)
    now = timezone.now()
    starts = order.moment(order.parsed.from_) if order.parsed.from_ else now
    row = core_freezes.freeze(
        app,
        environment,
        by=order.invocation.actor,
        reason=order.parsed.reason,
        starts=starts,
        ends=_until(order, starts),
        zone=order.zone(),
    )
    told = {**core_locks.place(app, environment), "starts": at(row.starts), "reason": row.reason}
    if row.ends is None:
        return _answer(order, "frozen_now.open", app, **told)
    return _answer(order, "frozen_now", app, **told, ends=at(row.ends))


@command("unfreeze", _APP, _IN, permission="approve", example="/unfreeze shop in staging")
def unfreeze(order: Order) -> Reply:
    app, environment = _scope(order)
    core_freezes.lift(app, environment, by=order.invocation.actor)
    return _answer(order, "unfrozen", app, **core_locks.place(app, environment))


@command("freezes", Argument("app", "app"), Argument("environment", "environment"), example="/freezes shop")
def freezes(order: Order) -> Reply:
    once = [row for row in core_freezes.standing() if order.concerns(row)]
    weekly = [row for row in Window.objects.select_related("app").order_by("pk") if order.concerns(row)]
    rows: list[list[Cell]] = [
        [phrase("word.once"), *_place(row), at(row.starts), at(row.ends), row.time_zone, row.reason] for row in once
    ]
    rows += [
        [
            phrase("word.weekly_deny" if row.kind == Window.Kind.DENY else "word.weekly_allow"),
            *_place(row),
            f"{days_text(row.days)} {row.opens:%H:%M}",
            f"{row.closes:%H:%M}",
            row.time_zone,
            row.reason,
        ]
        for row in weekly
    ]
    if not rows:
        return order.answer("freezes.none")
    head = ("kind", "app", "environment", "since", "until", "zone", "reason")
    return order.answer("freezes", *_apps([*once, *weekly]), table=table(head, rows))


def _scope(order: Order) -> tuple[App | None, str]:
    """What a lock or freeze covers: None is every app, `*` every environment."""
    parsed = order.parsed
    is_wide = parsed.scope in ("global", "all") and not parsed.app
    # An environment's name alone, in a room without an app of its own, means it in every app.
    is_name = parsed.env and not order.app_name
    if parsed.env and not (is_wide or is_name):
        return order.app(), order.environment().name
    if is_wide or is_name:
        return None, parsed.env or EVERYWHERE
    app = order.app()
    for environment in order.environments():
        if environment.app_id == app.pk:  # it closes, or opens, each of them
            order.require_room(environment)
    return app, EVERYWHERE


def _until(order: Order, start: datetime) -> datetime | None:
    if order.parsed.until:
        return order.moment(order.parsed.until)
    span = span_or_none(order.parsed.for_)
    return (start + span).replace(microsecond=0) if span else None  # as it is told, so that it holds no longer


def _place(row: Any) -> list[Cell]:
    told = core_locks.place(row.app, row.environment)
    return [told["app"], told["environment"]]


def _apps(rows: list[Any]) -> list[str]:
    return [row.app.name for row in rows if row.app]


def _answer(order: Order, code: str, about: App | None, **params: Any) -> Reply:
    return order.answer(code, *([about.name] if about else []), **params)
