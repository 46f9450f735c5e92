"""The board: apps × environments, what is where, since when, by whom, and what stands in the way.

Each part is read once for the whole board, so that its cost grows with what is shown and not with the history.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie

from bot import phrases
from chatops.deployments.known import unless_known
from chatops.room import access
from chatops.room.views import MemberRequest, outside_boot, rail
from deploy_core.models import App, Deployment, Environment, KnownCommit, Lock, Person, Release, ReleaseCopy, Step
from deploy_core.rules.status import ACTIVE, ENDED, WAITING, Status, StepStatus
from deploy_core.safety import freezes, locks

FIND_LIMIT = 100
#: More servers than this are not drawn one by one.
MOST_CELLS = 40
_BAD = {StepStatus.FAILED, StepStatus.TIMED_OUT}
_TROUBLE = {Status.FAILED, Status.ROLLED_BACK}


class Live(NamedTuple):
    """What most servers of an environment run; `mixed`: not all of them run the same."""

    release: Release
    since: datetime | None
    servers: int
    mixed: int


class Cell(NamedTuple):
    """One environment of one app. `mood`: the status it is drawn with, or locked, frozen, live, empty."""

    environment: Environment
    live: Live | None
    by: str
    ahead: int
    latest: Deployment | None
    mood: str
    why: str
    note: dict[str, Any]
    strip: list[str]


@never_cache
@login_required
@ensure_csrf_cookie
def board(request: MemberRequest) -> HttpResponse:
    """Everything that one may see; `?find=web` narrows it to apps."""
    boot = outside_boot(request.user) | {"every_ms": int(settings.BOARD_S * 1000)}
    context = _picture(request.user, request.GET) | {"rooms": rail(request.user), "page": "board", "boot": boot}
    return render(request, "deployments/board.html", context)


@never_cache
def cells(request: HttpRequest) -> HttpResponse:
    """The board alone, for the page to go on with; 304 while it is as it was, 401 once the session has ended."""
    if not isinstance(request.user, Person):
        return HttpResponse(status=401)
    return unless_known(request, render(request, "deployments/_board.html", _picture(request.user, request.GET)))


def _picture(person: Person, wanted: Any) -> dict[str, Any]:
    """What `deployments/_board.html` shows."""
    find = wanted.get("find", "").strip()[:FIND_LIMIT]
    found = Environment.objects.filter(pk__in=access.visible_environments(person)).select_related("app")
    environments = list(found.filter(app__name__icontains=find) if find else found)
    names = _columns(environments)
    shown = cells_of(environments)
    by_app: dict[App, dict[str, Cell]] = defaultdict(dict)
    for cell in shown:
        by_app[cell.environment.app][cell.environment.name] = cell
    rows = [
        {
            "app": app.name,
            "servers": max((cell.live.servers for cell in of_app.values() if cell.live), default=0),
            "cells": [(name, of_app.get(name)) for name in names],
        }
        for app, of_app in sorted(by_app.items(), key=lambda each: each[0].name)
    ]
    return {"rows": rows, "names": names, "find": find, "counts": _counts(shown)}


def _columns(environments: Iterable[Environment]) -> list[str]:
    """The environments' names, from the first stage to the last: by the place that they have in their apps."""
    places: dict[str, list[int]] = defaultdict(list)
    of_app: Counter[int] = Counter()
    for environment in sorted(environments, key=lambda each: (each.app_id, each.position, each.pk)):
        of_app[environment.app_id] += 1
        places[environment.name].append(environment.position)
    return sorted(places, key=lambda name: (max(places[name]), name))


def cells_of(environments: list[Environment]) -> list[Cell]:
    """One cell for each of `environments`, in their order."""
    live = _live(environments)
    latest = _latest(environments)
    shippers = _shippers([each.release for each in live.values()])
    ahead = _ahead(environments, live)
    standing = locks.standing()
    calendar = freezes.calendar()
    strips = _strips([each for each in latest.values() if each.status in ACTIVE | _TROUBLE])
    cells = []
    for environment in environments:
        last = latest.get(environment.pk)
        mood, note = _mood(environment, last, live.get(environment.pk), standing, calendar)
        here = live.get(environment.pk)
        why = phrases.render(last.reason, last.reason_params) if last and last.reason and mood == last.status else ""
        strip = strips.get(last.pk, []) if last and mood == last.status else []
        by = shippers.get(here.release.pk, "") if here else ""
        cells.append(Cell(environment, here, by, ahead.get(environment.pk, 0), last, mood, why, note, strip))
    return cells


def _mood(
    environment: Environment, last: Deployment | None, here: Live | None, standing: list[Lock], calendar: Any
) -> tuple[str, dict[str, Any]]:
    """What a person must know first: it moves or waits, it failed, it is held or closed; else only what is live."""
    if last and last.status in ACTIVE | WAITING | _TROUBLE:
        return last.status, {}
    app, name = environment.app, environment.name
    held = [lock for lock in standing if lock.app_id in (None, app.pk) and lock.environment in (locks.EVERYWHERE, name)]
    if held:
        return "locked", {"by": held[0].owner.username, "until": held[0].expires, "reason": held[0].reason}
    if shut := calendar.closed(app.name, name):
        return "frozen", {"by": shut.by, "until": shut.until, "reason": shut.reason}
    return ("live" if here else "empty"), {}


def _live(environments: Iterable[Environment]) -> dict[int, Live]:
    """By environment."""
    copies: dict[int, list[ReleaseCopy]] = defaultdict(list)
    current = ReleaseCopy.objects.filter(environment__in=environments, is_current=True)
    for copy in current.select_related("release"):
        copies[copy.environment_id].append(copy)
    found = {}
    for environment_id, here in copies.items():
        content, count = Counter(copy.release.content for copy in here).most_common(1)[0]
        same = [copy for copy in here if copy.release.content == content]
        release = max((copy.release for copy in same), key=lambda release: release.pk)
        times = [copy.switched for copy in same if copy.switched]
        found[environment_id] = Live(release, max(times, default=None), len(here), len(here) - count)
    return found


def _latest(environments: Iterable[Environment]) -> dict[int, Deployment]:
    """By environment: what moves or waits there now, else the newest one."""
    deployments = Deployment.objects.filter(environment__in=environments)
    newest = deployments.order_by().values("environment").annotate(newest=Max("pk")).values("newest")
    found = {each.environment_id: each for each in deployments.filter(pk__in=newest).select_related("requested_by")}
    moving = deployments.filter(status__in=ACTIVE | WAITING).select_related("requested_by").order_by("-pk")
    for each in sorted(moving, key=lambda it: (it.status in ACTIVE, -it.pk)):
        found[each.environment_id] = each
    return found


def _shippers(releases: list[Release]) -> dict[int, str]:
    """Who made each of `releases` current last."""
    shipped = Deployment.objects.filter(release__in=releases, status=Status.SUCCEEDED).order_by("pk")
    return dict(shipped.values_list("release", "requested_by__username"))


def _ahead(environments: list[Environment], live: dict[int, Live]) -> dict[int, int]:
    """How many commits each environment has that the next one of its app lacks, as the last fetch saw the branches."""
    known: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    revisions = {each.release.revision for each in live.values()}
    commits = KnownCommit.objects.filter(app__in={each.app_id for each in environments}, revision__in=revisions)
    for app, revision, branch, position in commits.values_list("app", "revision", "branch", "position"):
        known[app, revision][branch] = position
    found = {}
    of_app: dict[int, list[Environment]] = defaultdict(list)
    for environment in sorted(environments, key=lambda each: (each.position, each.pk)):
        if environment.pk in live:
            of_app[environment.app_id].append(environment)
    for app, stages in of_app.items():
        for here, following in pairwise(stages):
            mine = known[app, live[here.pk].release.revision]
            theirs = known[app, live[following.pk].release.revision]
            steps = [theirs[branch] - mine[branch] for branch in mine.keys() & theirs.keys()]
            if steps and max(steps) > 0:
                found[here.pk] = max(steps)
    return found


def _strips(deployments: list[Deployment]) -> dict[int, list[str]]:
    """By deployment: the classes of a strip's cells, one for each server."""
    ended = {each.pk for each in deployments if each.status in ENDED}
    statuses: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    steps = Step.objects.filter(deployment__in=deployments).exclude(server_name="").order_by("position")
    for deployment, server, status in steps.values_list("deployment", "server_name", "status"):
        statuses[deployment][server].append(status)
    return {
        deployment: [_tone(each, deployment in ended) for each in servers.values()]
        for deployment, servers in statuses.items()
        if len(servers) <= MOST_CELLS
    }


def _tone(statuses: list[str], has_ended: bool) -> str:
    if _BAD & set(statuses):
        return "is-bad"
    if StepStatus.LOST in statuses:
        return "is-wait"
    if StepStatus.SUCCEEDED in statuses and set(statuses) <= {StepStatus.SUCCEEDED, StepStatus.SKIPPED}:
        return "is-ok"
    if has_ended:
        return "is-mute is-skip"
    return "is-run" if StepStatus.RUNNING in statuses or StepStatus.SUCCEEDED in statuses else "is-mute"


def _counts(cells: list[Cell]) -> dict[str, int]:
    """How many cells want what of people."""
    moods = Counter(cell.mood for cell in cells)
    asked = moods[Status.AWAITING_APPROVAL] + moods[Status.AWAITING_CONFIRMATION]
    return {
        "failed": sum(moods[each] for each in _TROUBLE),
        "moving": sum(moods[each] for each in ACTIVE | WAITING) - asked,
        "asked": asked,
        "locked": moods["locked"],
        "frozen": moods["frozen"],
        "quiet": moods["live"] + moods["empty"],
    }
