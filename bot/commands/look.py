"""Commands that list what there is: branches, tags, commits, apps, environments, servers. They read rows, never git."""

from fnmatch import fnmatchcase
from typing import Any

from bot.invocation import Reply
from bot.order import Order
from bot.phrases.tables import Cell, at, phrase, table
from bot.registry import Argument, command
from deploy_core.errors import Refused
from deploy_core.models import App, Environment, KnownCommit, KnownRef, Placement, ReleaseCopy
from deploy_core.run import errands

_MOST_REFS = 30
_USUAL_COMMITS, _MOST_COMMITS = 10, 50
_APP = Argument("app", "app", is_required=True)


@command("branches", _APP, Argument("pattern", "pattern"), example="/branches shop feat*")
def branches(order: Order) -> Reply:
    return _refs(order, KnownRef.Kind.BRANCH, "branches", "branch")


@command("tags", _APP, Argument("pattern", "pattern"), example="/tags shop v1.*")
def tags(order: Order) -> Reply:
    return _refs(order, KnownRef.Kind.TAG, "tags", "tag")


def _refs(order: Order, kind: KnownRef.Kind, code: str, column: str) -> Reply:
    app = _fetched(order)
    pattern = order.parsed.pattern or "*"
    pattern = pattern if any(c in pattern for c in "*?") else f"*{pattern}*"
    known = [
        ref for ref in KnownRef.objects.filter(app=app, kind=kind).order_by("name") if fnmatchcase(ref.name, pattern)
    ]
    told: dict[str, Any] = {"app": app.name, "fetched": at(app.fetched)}
    if not known:
        return order.answer(f"{code}.none", app.name, **told)
    rows: list[list[Cell]] = [[ref.name, {"revision": ref.revision}] for ref in known[:_MOST_REFS]]
    told |= {"shown": len(rows), "total": len(known)}
    return order.answer(code, app.name, **told, table=table((column, "revision"), rows))


@command(
    "commits",
    Argument("app", "app_branch", is_required=True),
    Argument("count", "last", after="last"),
    example="/commits shop/main last 10",
)
def commits(order: Order) -> Reply:
    app = _fetched(order)
    branch = order.parsed.ref or app.default_ref
    limit = min(order.parsed.limit or _USUAL_COMMITS, _MOST_COMMITS)
    known = KnownCommit.objects.filter(app=app, branch=branch).order_by("position")[:limit]
    rows: list[list[Cell]] = [[{"revision": c.revision}, c.subject, c.author, at(c.at)] for c in known]
    told: dict[str, Any] = {"app": app.name, "branch": branch, "fetched": at(app.fetched)}
    if not rows:
        return order.answer("commits.none", app.name, **told, suggest=(order.line(f"branches {app.name}"),))
    head = ("revision", "subject", "author", "when")
    return order.answer("commits", app.name, **told, table=table(head, rows))


def _fetched(order: Order) -> App:
    """The app, if its repository was ever fetched: before that there is nothing to list."""
    app = order.app()
    if app.fetched is None:
        raise Refused("nothing_fetched", app=app.name)
    return app


@command("apps", example="/apps")
def apps(order: Order) -> Reply:
    names = order.world.apps
    if not names:
        raise Refused("no_apps")
    rows: list[list[Cell]] = [
        [name, order.world.names[name].environments, app.default_ref] for name, app in names.items()
    ]
    return order.answer("apps", *names, table=table(("app", "environments", "ref"), rows))


@command("envs", Argument("app", "app"), example="/envs shop")
def envs(order: Order) -> Reply:
    if not order.app_name or (order.parsed.env and not order.parsed.app):
        return _everywhere(order)
    app = order.app()
    rows: list[list[Cell]] = []
    servers: dict[int, list[str]] = {}
    for placement in Placement.objects.filter(environment__app=app).select_related("server"):
        servers.setdefault(placement.environment_id, []).append(placement.server.name)
    for environment in order.environments():
        if environment.app_id != app.pk:
            continue
        ref = environment.default_ref or app.default_ref
        rows.append([environment.name, servers.get(environment.pk, []), ref, _mark(environment)])
    if not rows:
        return order.answer("envs.none", app.name, app=app.name)
    head = ("environment", "servers", "ref", "status")
    return order.answer("envs", app.name, app=app.name, table=table(head, rows))


def _everywhere(order: Order) -> Reply:
    """The environments of every app, or those of one name."""
    found = order.environments()
    rows: list[list[Cell]] = [
        [each.app.name, each.name, each.default_ref or each.app.default_ref, _mark(each)] for each in found
    ]
    if not rows:
        return order.answer("envs.nothing")
    names = dict.fromkeys(each.app.name for each in found)
    return order.answer("envs.all", *names, table=table(("app", "environment", "ref", "status"), rows))


def _mark(environment: Environment) -> Cell:
    return phrase("word.protected") if environment.is_protected else ""


@command("servers", Argument("app", "app"), Argument("environment", "environment"), example="/servers shop staging")
def servers(order: Order) -> Reply:
    environments = order.environments()
    names = dict.fromkeys(environment.app.name for environment in environments)
    seen = [environment.pk for environment in environments]
    if order.parsed.action == "check":
        return _check(order, seen, next(iter(names), ""))
    current = {
        (copy.environment_id, copy.server_id): copy.release
        for copy in ReleaseCopy.objects.filter(environment__in=seen, is_current=True).select_related("release")
    }
    placements = Placement.objects.filter(environment__in=seen).select_related("server", "environment__app")
    rows: list[list[Cell]] = []
    for placement in placements.order_by("server__name", "environment__app__name", "environment__position"):
        release = current.get((placement.environment_id, placement.server_id))
        rows.append(
            [
                placement.server.name,
                placement.environment.app.name,
                placement.environment.name,
                release.ref if release else phrase("word.nothing"),
                {"revision": release.revision} if release else "",
            ]
        )
    if not rows:
        return order.answer("servers.none", *names)
    head = ("server", "app", "environment", "runs", "revision")
    return order.answer("servers", *names, table=table(head, rows))


def _check(order: Order, environments: list[int], app: str) -> Reply:
    """Ask whoever runs the engine to visit the servers; the answer is the author's, and follows."""
    found = dict(
        Placement.objects.filter(environment__in=environments)
        .order_by("server__name")
        .values_list("server", "server__name")
    )
    if not found:
        return order.answer("servers.none")
    invocation = order.invocation
    errands.ask(errands.CHECK, invocation.actor, invocation.client_id, app=app, servers=list(found))
    return Reply("servers.checking", {"servers": list(found.values())})
