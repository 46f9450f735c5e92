"""Commands that say what would change, and what did: plan, diff, changes. They read rows, never git or a server."""

from typing import Any

from django.utils import timezone

from bot.invocation import Reply
from bot.order import Order
from bot.phrases.tables import Cell, at, phrase, status_word, table
from bot.registry import Argument, command
from bot.wishes import wish_of
from deploy_core import outlook
from deploy_core.errors import Refused
from deploy_core.models import App, KnownCommit, Release
from deploy_core.outlook import Difference, Expected, Files
from deploy_core.rules.times import span

_AUTHORS, _COMMITS, _FILES = 5, 20, 30
_USUAL_SINCE = "24h"


@command(
    "plan",
    Argument("app", "app_ref", is_required=True),
    Argument("environment", "to_environment", is_required=True, after="to"),
    example="/plan shop/main to production",
)
def plan(order: Order) -> Reply:
    app, environment = order.app(), order.environment()
    ref = order.parsed.ref or environment.default_ref or app.default_ref
    revision = outlook.revision_of(_fetched(app), ref)
    current = Release.objects.current_in(environment)
    rows: list[list[Cell]] = [[phrase("fact.live"), _live(current)]]
    if current:
        found = outlook.between(app, current.revision, revision)
        rows += [
            [phrase("fact.commits"), _commits(found.commits)],
            [phrase("fact.dropped"), _commits(found.dropped)],
            [phrase("fact.files"), _files(found.files)],
        ]
    rows.append([phrase("fact.servers"), [placement.server.name for placement in environment.placements.all()]])
    batches = outlook.batches(environment, current)
    if len(batches) > 1:
        rows.append([phrase("fact.batches"), [" + ".join(batch) for batch in batches]])
    obstacles = outlook.obstacles(environment, order.invocation.actor, wish_of(order).at)
    rows += [[phrase("fact.obstacle"), phrase(code, params)] for code, params in obstacles]
    if not obstacles:
        rows.append([phrase("fact.obstacle"), phrase("word.none")])
    takes = outlook.expected(environment)
    rows.append([phrase("fact.takes"), _takes(takes)])
    told = {
        "app": app.name,
        "ref": ref,
        "revision": {"revision": revision},
        "environment": environment.name,
        "fetched": at(app.fetched),
        "table": table(("fact", "value"), rows),
    }
    # What stands in the way is about the author, so the answer is theirs alone.
    return Reply("plan", told, suggest=(order.line(f"deploy {app.name}/{ref} to {environment.name}"),))


@command(
    "diff",
    Argument("app", "app_ref", is_required=True),
    Argument("environment", "to_environment", is_required=True, after="to"),
    example="/diff shop staging..production",
)
def diff(order: Order) -> Reply:
    app, source, target, names = _compared(order)
    found = outlook.between(app, source, target)
    told: dict[str, Any] = {"app": app.name, "source": names[0], "target": names[1], "fetched": at(app.fetched)}
    rows = _rows(found)
    if source == target:
        return order.answer("diff.same", app.name, **told)
    return order.answer("diff", app.name, **told, table=table(("change", "subject", "author", "when"), rows))


def _compared(order: Order) -> tuple[App, str, str, tuple[Any, Any]]:
    """The app, the two revisions, and what each is called."""
    if order.parsed.id is not None:
        deployment = order.deployment()
        planned = deployment.journal.filter(kind="deployment.planned").order_by("-number").first()
        before = planned.payload["previous_revision"] if planned else ""
        if not before:
            raise Refused("nothing_live", app=deployment.app.name, environment=deployment.environment.name)
        names = ({"revision": before}, {"deployment": deployment.pk})
        return deployment.app, before, deployment.revision, names
    app, environment = order.app(), order.environment()
    if order.parsed.from_:
        source = outlook.live(order.environment_of(app, order.parsed.from_))
        return app, source.revision, outlook.live(environment).revision, (order.parsed.from_, environment.name)
    ref = order.parsed.ref or environment.default_ref or app.default_ref
    return app, outlook.live(environment).revision, outlook.revision_of(_fetched(app), ref), (environment.name, ref)


@command(
    "changes",
    Argument("environment", "in_environment", after="in"),
    example="/changes since 2h in production",
)
def changes(order: Order) -> Reply:
    since = timezone.now() - span(order.parsed.since or _USUAL_SINCE)
    found = outlook.changes(order.environments(), since)
    rows = [
        [
            {"deployment": each.pk},
            phrase(f"word.{each.kind}"),
            each.app.name,
            each.environment.name,
            each.ref,
            {"revision": each.revision},
            status_word(each.status),
            each.requested_by.username,
            at(each.finished),
        ]
        for each in found
    ]
    apps = {each.app.name for each in found}
    if not rows:
        return order.answer("changes.none", since=at(since))
    head = ("number", "kind", "app", "environment", "ref", "revision", "status", "by", "when")
    return order.answer("changes", *apps, since=at(since), table=table(head, rows))


def _fetched(app: App) -> App:
    if app.fetched is None:
        raise Refused("nothing_fetched", app=app.name)
    return app


def _live(release: Release | None) -> Cell:
    return f"{release.ref} {release.revision[:7]}" if release else phrase("word.nothing")


def _takes(expected: Expected | None) -> Cell:
    if expected is None:
        return phrase("word.unknown")
    return phrase("word.seconds", {"seconds": expected.seconds, "count": expected.samples})


def _commits(commits: list[KnownCommit] | None) -> Cell:
    if commits is None:
        return phrase("word.unknown")
    if not commits:
        return phrase("word.none")
    authors = list(dict.fromkeys(commit.author for commit in commits))
    return phrase("word.commits_by", {"count": len(commits), "authors": authors[:_AUTHORS]})


def _files(files: Files | None) -> Cell:
    if files is None:
        return phrase("word.unknown")
    return phrase("word.files", {name: len(paths) for name, paths in files._asdict().items()})


def _rows(found: Difference) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for commit in (found.commits or [])[:_COMMITS]:
        rows.append([{"revision": commit.revision}, commit.subject, commit.author, at(commit.at)])
    for commit in (found.dropped or [])[:_COMMITS]:
        dropped = phrase("word.dropped", {"revision": {"revision": commit.revision}})
        rows.append([dropped, commit.subject, commit.author, at(commit.at)])
    if found.commits is None:
        rows.append([phrase("fact.commits"), phrase("word.unknown"), "", ""])
    if found.files is None:
        rows.append([phrase("fact.files"), phrase("word.unknown"), "", ""])
    else:
        listed = [(name, path) for name, paths in found.files._asdict().items() for path in paths]
        rows += [[phrase(f"file.{name}"), path, "", ""] for name, path in listed[:_FILES]]
        if len(listed) > _FILES:
            rows.append([phrase("fact.files"), _files(found.files), "", ""])
    return rows
