"""Commands that say what runs, what is live where, and what was deployed."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from bot.invocation import Reply
from bot.order import Order
from bot.phrases.tables import Cell, at, phrase, runs, status_word, table
from bot.registry import Argument, command
from deploy_core import deployments
from deploy_core.models import Deployment, Environment, Freeze, Lock, ReleaseCopy
from deploy_core.run import errands
from deploy_core.safety import freezes, locks

_USUAL, _MOST = 10, 50
_PLACE = (Argument("app", "app"), Argument("environment", "in_environment", after="in"))


@command("status", *_PLACE, example="/status shop")
def status(order: Order) -> Reply:
    if order.parsed.id is not None:
        return _status_of(order, order.deployment())
    environments = order.environments()
    apps = dict.fromkeys(environment.app for environment in environments)
    ids = {environment.pk for environment in environments}
    active = [each for each in deployments.active(apps) if each.environment_id in ids]
    if order.app_name and order.parsed.app:
        return _status_of_app(order, environments, active)
    standing: list[Lock | Freeze] = [
        *locks.standing(),
        *(each for each in freezes.standing() if each.starts <= timezone.now()),
    ]
    closed = [row for row in standing if order.concerns(row)]
    if not active and not closed:
        return order.answer("status.quiet")
    head = ("number", "app", "environment", "ref", "status", "by", "when")
    rows: list[list[Cell]] = [
        [
            {"deployment": each.pk},
            each.app.name,
            each.environment.name,
            each.ref,
            status_word(each.status),
            each.requested_by.username,
            at(each.created),
        ]
        for each in active
    ]
    rows += [_closed_row(row) for row in closed]
    told = [each.app.name for each in active] + [row.app.name for row in closed if row.app]
    return order.answer("status", *told, table=table(head, rows))


def _closed_row(row: Lock | Freeze) -> list[Cell]:
    place = locks.place(row.app, row.environment)
    if isinstance(row, Lock):
        who, since, word = row.owner, row.created, phrase("status.locked")
    else:
        who, since, word = row.author, row.starts, phrase("status.frozen")
    return ["", place["app"], place["environment"], "", word, who.username, at(since)]


def _status_of(order: Order, deployment: Deployment) -> Reply:
    params: dict[str, Any] = {
        "number": deployment.pk,
        "app": deployment.app.name,
        "ref": deployment.ref,
        "environment": deployment.environment.name,
        "by": deployment.requested_by.username,
        "state": status_word(deployment.status),
    }
    if deployment.reason:
        params["why"] = phrase(deployment.reason, deployment.reason_params)
        params["runs"] = runs(deployment.reason_params)
    return order.answer("status.deployment", deployment.app.name, **params)


def _status_of_app(order: Order, environments: list[Environment], active: list[Deployment]) -> Reply:
    app = order.app()
    running = {each.environment_id: each for each in reversed(active)}
    live = _live(environments)
    rows: list[list[Cell]] = []
    for environment in environments:
        now = running.get(environment.pk)
        rows.append(
            [
                environment.name,
                *_live_cells(live.get(environment.pk, [])),
                status_word(now.status) if now else "",
                {"deployment": now.pk} if now else "",
            ]
        )
    head = ("environment", "live", "revision", "when", "status", "number")
    return order.answer("status.app", app.name, app=app.name, table=table(head, rows))


@command("where", Argument("app_or_environment", "app_or_environment"), example="/where shop")
def where(order: Order) -> Reply:
    environments = order.environments()
    if order.parsed.action == "verify":
        return _verify(order, environments)
    calendar, held = freezes.calendar(), locks.standing()
    live = _live(environments)
    rows: list[list[Cell]] = []
    for environment in environments:
        app = environment.app.name
        may = order.world.may("deploy", app, environment.name)
        rows.append(
            [
                app,
                environment.name,
                *_live_cells(live.get(environment.pk, [])),
                _closed(environment, calendar, held),
                phrase("word.yes" if may else "word.no"),
            ]
        )
    if not rows:
        return order.answer("where.nothing")
    head = ("app", "environment", "live", "revision", "when", "closed", "may")
    # The last column is about the author, so the answer is theirs alone.
    return Reply("where", {"table": table(head, rows)})


@command(
    "history",
    Argument("app", "app", is_required=True),
    Argument("environment", "in_environment", after="in"),
    Argument("count", "last", after="last"),
    example="/history shop in staging last 5",
)
def history(order: Order) -> Reply:
    app = order.app()
    shown = [environment for environment in order.environments() if environment.app_id == app.pk]
    found = deployments.history(app).filter(environment__in=shown)
    if order.parsed.ref:
        found = found.filter(ref=order.parsed.ref)
    rows = [
        [
            {"deployment": each.pk},
            phrase(f"word.{each.kind}"),
            each.environment.name,
            each.ref,
            {"revision": each.revision},
            status_word(each.status),
            each.requested_by.username,
            at(each.created),
        ]
        for each in found[: min(order.parsed.limit or _USUAL, _MOST)]
    ]
    if not rows:
        return order.answer("history.none", app.name, app=app.name)
    head = ("number", "kind", "environment", "ref", "revision", "status", "by", "when")
    return order.answer("history", app.name, app=app.name, table=table(head, rows))


def _live(environments: Iterable[Environment]) -> dict[int, list[ReleaseCopy]]:
    """The copies that `current` points at, by environment."""
    found: dict[int, list[ReleaseCopy]] = {}
    for copy in ReleaseCopy.objects.filter(environment__in=list(environments), is_current=True).select_related(
        "release"
    ):
        found.setdefault(copy.environment_id, []).append(copy)
    return found


def _closed(environment: Environment, calendar: freezes.Calendar, held: Sequence[Lock]) -> Cell:
    """The freeze or the lock that keeps deployments out now."""
    if shut := calendar.closed(environment.app.name, environment.name):
        return phrase("word.frozen_until", {"until": at(shut.until)})
    lock = next((each for each in held if locks.covers(each, environment)), None)
    return phrase("word.locked_by", {"by": lock.owner.username}) if lock else ""


def _live_cells(copies: list[ReleaseCopy]) -> list[Cell]:
    """Ref, revision and since when; servers that differ are said to, never averaged."""
    if not copies:
        return [phrase("word.nothing"), "", ""]
    newest = max(copies, key=lambda copy: copy.switched or copy.staged)
    since = at(newest.switched or newest.staged)
    if len({copy.release.content for copy in copies}) > 1:
        return [phrase("word.differs"), "", since]
    return [newest.release.ref, {"revision": newest.release.revision}, since]


def _verify(order: Order, environments: list[Environment]) -> Reply:
    """Ask whoever runs the engine to compare what is live with what was sent; the answer follows."""
    live = ReleaseCopy.objects.filter(environment__in=environments, is_current=True)
    servers = sorted(set(live.values_list("server__name", flat=True)))
    if not servers:
        return order.answer("where.nothing")
    ids, invocation = [environment.pk for environment in environments], order.invocation
    app = environments[0].app.name
    errands.ask(errands.VERIFY, invocation.actor, invocation.client_id, app=app, environments=ids)
    return Reply("where.verifying", {"servers": servers})
