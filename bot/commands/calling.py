"""Commands about who is told what: announcements, who is on call, what one watches and what one mutes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from bot.invocation import Mute, OnCall, Proclaim, Reply, Unwatch, Watch
from bot.order import Order
from bot.phrases.tables import Cell, at, phrase, table
from bot.registry import Argument, command
from deploy_core.errors import Forbidden, Refused
from deploy_core.ledger import audit
from deploy_core.models import App, Duty, Person
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.rules.times import span
from deploy_core.safety import access

_PLACE = (Argument("app", "app", is_required=True), Argument("environment", "in_environment", after="in"))
#: Nobody mutes anything for longer.
_LONGEST = timedelta(days=90)


@command(
    "announce",
    Argument("text", "text", is_required=True),
    surfaces=("web", "slack", "shell", "api"),
    example="/announce The shop is closed for an hour",
)
def announce(order: Order) -> Reply:
    return Reply("announced", effects=(Proclaim(order.parsed.text),))


@command("oncall", Argument("person", "duty"), Argument("app", "app"), example="/oncall shop")
def oncall(order: Order) -> Reply:
    match order.parsed.action:
        case "take":
            return _put(order, order.invocation.actor)
        case "give":
            return _put(order, _person(order.parsed.name))
        case "end":
            return _end(order)
    return _who(order)


def _who(order: Order) -> Reply:
    """Who is on call: for the app that is named, or wherever the author looks."""
    apps = {order.parsed.app} if order.parsed.app else set(order.world.names)
    duties = [each for each in Duty.objects.at(timezone.now()) if each.app is None or each.app.name in apps]
    if not duties:
        return order.answer("oncall.nobody", suggest=(order.line("oncall me for 12h"),))
    rows: list[list[Cell]] = [
        [_scope(each.app), each.person.username, at(each.ends) or phrase("word.open_end")] for each in duties
    ]
    told = [each.app.name for each in duties if each.app]
    return order.answer("oncall", *told, table=table(("app", "person", "until"), rows))


def _put(order: Order, person: Person) -> Reply:
    """Put somebody on call, in the place of whoever was: oneself without asking, anybody else as an approver."""
    app = order.app() if order.app_name else None
    actor = order.invocation.actor
    if person != actor:
        _require(actor, app)
    now = timezone.now()
    ends = _end_of(order, now)
    before = _mine_to_end(app, now)
    Duty.objects.filter(pk__in=[each.pk for each in before]).update(ends=now)
    Duty.objects.create(person=person, app=app, starts=now, ends=ends, set_by=actor)
    told = {"person": person.username, "scope": _scope(app), "until": at(ends)}
    told["instead"] = [each.person.username for each in before if each.person_id != person.pk]
    audit.record(
        actor,
        "oncall.set",
        app.name if app else EVERYWHERE,
        "done",
        person=person.username,
        until=ends and ends.isoformat(),
    )
    return _told(order, "oncall.set", app, (person.pk, *(each.person_id for each in before)), **told)


def _end(order: Order) -> Reply:
    """End the duty for the app, or for all of them: one's own, or as an approver anybody's."""
    app = order.app() if order.app_name else None
    now, actor = timezone.now(), order.invocation.actor
    standing = _mine_to_end(app, now)
    if not standing:
        raise Refused("oncall_nobody", suggest=[order.line("oncall")])
    if any(each.person_id != actor.pk for each in standing):
        _require(actor, app)
    Duty.objects.filter(pk__in=[each.pk for each in standing]).update(ends=now)
    names = [each.person.username for each in standing]
    audit.record(actor, "oncall.end", app.name if app else EVERYWHERE, "done", people=names)
    people = tuple(each.person_id for each in standing)
    return _told(order, "oncall.ended", app, people, people=names, scope=_scope(app))


def _told(order: Order, code: str, app: App | None, changed: tuple[int, ...], /, **told: Any) -> Reply:
    reply = order.answer(code, *([app.name] if app else []), **told)
    return replace(reply, effects=(OnCall(changed),))


def _mine_to_end(app: App | None, now: datetime) -> list[Duty]:
    return [each for each in Duty.objects.at(now) if each.app_id == (app.pk if app else None)]


def _end_of(order: Order, now: datetime) -> datetime | None:
    if order.parsed.for_:
        return now + span(order.parsed.for_)
    return order.moment(order.parsed.until) if order.parsed.until else None


def _require(actor: Person, app: App | None) -> None:
    """
    Raises:
        Forbidden: they are no approver of the app.
    """
    name = app.name if app else EVERYWHERE
    if not access.can(actor, "approve", name, EVERYWHERE):
        allowed = access.who_can("approve", name, EVERYWHERE)[:5]
        raise Forbidden(who=actor.username, action="approve", app=name, environment=EVERYWHERE, allowed=allowed)


def _person(name: str) -> Person:
    found = Person.objects.filter(username__iexact=name, is_active=True, kind=Person.Kind.PERSON).first()
    if found is None:
        raise Refused("unknown_person", given=name)
    return found


def _scope(app: App | None) -> Cell:
    return app.name if app else phrase("word.everything")


@command("watch", *_PLACE, example="/watch shop in production")
def watch(order: Order) -> Reply:
    app, environment = _watched(order)
    told = {"app": app.name, "environment": environment}
    return Reply("watching", told, effects=(Watch(app.name, environment),))


@command("unwatch", *_PLACE, example="/unwatch shop")
def unwatch(order: Order) -> Reply:
    app, environment = _watched(order)
    told = {"app": app.name, "environment": environment}
    return Reply("unwatched", told, effects=(Unwatch(app.name, environment),))


def _watched(order: Order) -> tuple[App, str]:
    environment = order.environment_or_none()
    return order.app(), environment.name if environment else ""


@command("mute", Argument("app", "app", is_required=True), Argument("count", "span"), example="/mute shop for 2h")
def mute(order: Order) -> Reply:
    app = order.app()
    length = span(order.parsed.for_) if order.parsed.for_ else timedelta(seconds=settings.MUTE_S)
    length = min(length, _LONGEST)
    told = {"app": app.name, "until": at(timezone.now() + length)}
    return Reply("muted", told, effects=(Mute(app.name, int(length.total_seconds())),))
