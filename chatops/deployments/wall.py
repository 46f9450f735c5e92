"""The wall: what a team's television shows from three metres: trouble first, and a sign of life or of its loss."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie

from chatops.deployments.board import Cell, cells_of
from chatops.deployments.known import unless_known
from chatops.room import access
from chatops.room.views import MemberRequest, outside_boot
from chatops.templatetags.looks import look
from deploy_core import outlook
from deploy_core.models import Deployment, Duty, Environment, Person
from deploy_core.rules.status import ACTIVE, Status
from deploy_core.rules.times import iso
from deploy_core.safety import freezes, locks

#: So many tiles can be read from three metres. What is well and quiet makes room first.
MOST_TILES = 15
#: A longer word (the name of a branch) is written smaller in a narrow tile.
LONG = 10
_FIND_LIMIT = 100
_TROUBLE = {Status.FAILED, Status.ROLLED_BACK}
_ASKS = {Status.AWAITING_APPROVAL, Status.AWAITING_CONFIRMATION, Status.PAUSED}


@never_cache
@login_required
@ensure_csrf_cookie
def wall(request: MemberRequest) -> HttpResponse:
    """Everything that one may see; `?environment=production` and `?app=shop` narrow it."""
    shown = picture(request.user, request.GET)
    boot = outside_boot(request.user) | {"picture": shown, "every_ms": int(settings.WALL_S * 1000)}
    context = {"picture": shown, "boot": boot, "environment": request.GET.get("environment", "")[:_FIND_LIMIT]}
    return render(request, "deployments/wall.html", context)


@never_cache
def tiles(request: HttpRequest) -> HttpResponse:
    """The same as data, for the page to go on with; 304 while it is as it was, 401 once the session has ended."""
    if not isinstance(request.user, Person):
        return JsonResponse({}, status=401)
    return unless_known(request, JsonResponse(picture(request.user, request.GET)))


def picture(person: Person, wanted: Any) -> dict[str, Any]:
    """`{tiles, more, counts, duty, last, freeze}` in the active language; times are ISO, for the page to write."""
    found = Environment.objects.filter(pk__in=access.visible_environments(person)).select_related("app")
    for field, name in (("name", "environment"), ("app__name", "app")):
        if value := wanted.get(name, "")[:_FIND_LIMIT]:
            found = found.filter(**{field: value})
    cells = cells_of(list(found.order_by("app__name", "position")))
    made = sorted((_tile(cell) for cell in cells if cell.mood != "empty"), key=lambda tile: tile["rank"])
    for tile in made:
        tile["is_long"] = len(tile["big"]) > LONG
    return {
        "tiles": made[:MOST_TILES],
        "more": len(made) - len(made[:MOST_TILES]),
        "counts": _counts(made),
        "duty": _duty(cells),
        "last": _last([cell.environment for cell in cells]),
        "freeze": _next_freeze([cell.environment for cell in cells]),
    }


def _tile(cell: Cell) -> dict[str, Any]:
    """`rank` orders tiles: 0 failed, 1 moves, 2 waits for people, 3 waits, 4 locked or frozen, 5 quiet."""
    last, live = cell.latest, cell.live
    drawn = look(cell.mood)
    told: dict[str, Any] = {
        "key": f"{cell.environment.app.name}/{cell.environment.name}",
        "app": cell.environment.app.name,
        "environment": cell.environment.name,
        "mood": cell.mood,
        "tone": drawn.tone,
        "icon": drawn.icon,
        "spin": drawn.icon == "running",
        "word": str(drawn.word),
        "big": live.release.ref if live else "–",
        "small": "",
        "meta": cell.by,
        "kind": "since" if live and live.since else "",
        "at": iso(live.since) if live and live.since else "",
        "strip": [],
        "is_wide": False,
        "is_calm": False,
        "rank": 5,
    }
    if last is None or cell.mood != last.status:
        return told | _held(cell)
    if cell.mood in _TROUBLE:
        return told | _failed(cell, last)
    return told | (_moving(cell, last) if cell.mood in ACTIVE and cell.mood != Status.PAUSED else _waiting(cell, last))


def _held(cell: Cell) -> dict[str, Any]:
    if cell.mood not in ("locked", "frozen"):
        return {"tone": "ok", "icon": "check", "word": _("Live"), "spin": False}
    until = cell.note.get("until")
    return {
        "tone": "wait",
        "icon": "lock" if cell.mood == "locked" else "frozen",
        "word": _("Locked") if cell.mood == "locked" else _("Frozen"),
        "spin": False,
        "meta": cell.note.get("by", ""),
        "kind": "until" if until else "",
        "at": iso(until) if until else "",
        "is_calm": True,
        "rank": 4,
    }


def _failed(cell: Cell, last: Deployment) -> dict[str, Any]:
    """Loud while it is news, calm afterwards."""
    ended = last.finished or last.created
    is_news = timezone.now() - ended < timedelta(seconds=settings.WALL_NEWS_S)
    told = {
        "big": last.ref,
        "small": cell.why,
        "meta": f"#{last.pk}, {last.requested_by.username}",
        "kind": "since",
        "at": iso(ended),
        "strip": cell.strip,
    }
    return told | ({"is_wide": True, "rank": 0} if is_news else {"is_calm": True, "small": "", "strip": [], "rank": 4})


def _moving(cell: Cell, last: Deployment) -> dict[str, Any]:
    done = sum(tone == "is-ok" for tone in cell.strip)
    big = _("%(done)s of %(count)s") % {"done": done, "count": len(cell.strip)} if cell.strip else last.ref
    usual = outlook.expected(cell.environment)
    left = usual.seconds - (timezone.now() - (last.started or last.created)).total_seconds() if usual else 0
    minutes = round(left / 60)
    about = ngettext("about %(n)s min left", "about %(n)s min left", minutes) % {"n": minutes} if minutes > 0 else ""
    return {
        "big": big,
        "small": ", ".join(filter(None, [last.ref if cell.strip else "", about])),
        "meta": f"#{last.pk}, {last.requested_by.username}",
        "kind": "elapsed",
        "at": iso(last.started or last.created),
        "strip": cell.strip,
        "is_wide": True,
        "rank": 1,
    }


def _waiting(cell: Cell, last: Deployment) -> dict[str, Any]:
    is_asking = last.status in _ASKS
    return {
        "big": last.ref,
        "meta": f"#{last.pk}, {last.requested_by.username}",
        "kind": "since",
        "at": iso(last.created),
        "is_calm": not is_asking,
        "rank": 2 if is_asking else 3,
    }


def _counts(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the head says: how many of each kind that wants attention."""
    of_rank = [sum(tile["rank"] == rank for tile in made) for rank in range(5)]
    told = (
        (of_rank[0], "bad", "cross", _("%(n)s failed") % {"n": of_rank[0]}),
        (of_rank[1], "run", "running", _("%(n)s deploying") % {"n": of_rank[1]}),
        (of_rank[2] + of_rank[3], "wait", "approval", _("%(n)s waiting") % {"n": of_rank[2] + of_rank[3]}),
    )
    shown = [{"tone": tone, "icon": icon, "text": text} for count, tone, icon, text in told if count]
    return shown or [{"tone": "ok", "icon": "check", "text": _("All quiet")}]


def _duty(cells: list[Cell]) -> str:
    """Who is on call for what is shown."""
    apps = {cell.environment.app_id for cell in cells}
    duties = [duty for duty in Duty.objects.at(timezone.now()) if apps and duty.app_id in {None, *apps}]
    return ", ".join(dict.fromkeys(duty.person.username for duty in duties))


def _last(environments: list[Environment]) -> dict[str, Any] | None:
    """The newest deployment that went well."""
    good = Deployment.objects.filter(environment__in=environments, status=Status.SUCCEEDED)
    newest = good.select_related("app", "environment").order_by("-finished").first()
    if newest is None or newest.finished is None:
        return None
    return {"what": f"{newest.app.name} → {newest.environment.name}", "at": iso(newest.finished)}


def _next_freeze(environments: list[Environment]) -> dict[str, Any] | None:
    """The next that will close one of `environments`."""
    for coming in (each for each in freezes.standing() if each.starts > timezone.now()):
        if any(locks.covers(coming, environment) for environment in environments):
            return {"at": iso(coming.starts)}
    return None
