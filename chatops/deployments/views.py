"""Pages of deployments: the list, one of them, a step's log. They say all without script; script keeps them live."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie

from bot import phrases
from chatops.deployments import acts, changes, consent, filters, moments, rows, seen, tables
from chatops.room import access, streams
from chatops.room.views import MemberRequest, outside_boot, rail
from deploy_core import outlook
from deploy_core.models import Deployment, JournalEntry, Person
from deploy_core.rules.times import iso, zone_named
from deploy_core.safety import access as rights

#: Deployments on one page of the list, and entries of a journal in one answer.
LISTED = 50
ENTRIES = 2000


@never_cache
@login_required
def listing(request: MemberRequest) -> HttpResponse:
    """The deployments that one may see, the newest first; `?before=42` goes on from there.

    `?app=shop`, `?environment=staging`, `?status=failed` and `?by=alice` narrow it.
    """
    found = Deployment.objects.filter(environment__in=access.visible_environments(request.user)).order_by("-pk")
    chosen = filters.chosen(request.GET)
    choices = filters.choices(found, chosen)
    found = filters.narrowed(found, chosen)
    if before := seen.number_of(request, "before"):
        found = found.filter(pk__lt=before)
    shown = list(found.select_related("app", "environment", "requested_by")[: LISTED + 1])
    older = shown[LISTED - 1].pk if len(shown) > LISTED else None
    context = {
        "deployments": [_row(deployment) for deployment in shown[:LISTED]],
        "older": older,
        "app": chosen.get("app", ""),
        "choices": choices,
        "is_narrowed": bool(chosen),
        "narrowed": urlencode(chosen),
        "rooms": rail(request.user),
        "page": "deployments",
    }
    return render(request, "deployments/list.html", context)


@never_cache
@login_required
@ensure_csrf_cookie
def page(request: MemberRequest, number: int) -> HttpResponse:
    """One deployment, whole: its state and steps, its servers, what it changes, who agreed.

    `?at=13:04:07` shows it as it stood then (by the clocks of the person that `&of=` names, else of the reader), and
    `?servers=2` the second page of very many servers.
    """
    seen.require(request.user, number)
    picture = streams.deployment_picture(number)
    live = picture["state"]
    moment = _moment(request, live)
    state = moments.state_at(number, moment) if moment else live
    deployment = Deployment.objects.select_related("app", "environment").get(pk=number)
    context = {
        "deployment": _readable(state),
        "rows": [_row_of_list(number, row) for row in rows.step_rows(state)],
        "table": tables.servers(number, state, seen.number_of(request, "servers") or 1),
        "changes": changes.of(deployment.app, state["previous_revision"], state["revision"]),
        "marks": [_readable_mark(mark, state) for mark in moments.marks(state)],
        "expected": outlook.expected(deployment.environment),
        "consent": consent.of(state),
        "glass": _glass(request.user, deployment),
        "moment": moment,
        "rooms": rail(request.user),
        "page": "deployments",
        "act": acts.form(request.user, live),
        "said": acts.answer(request.user, request.GET.get("said", "")),
        "boot": outside_boot(request.user)
        | {
            "deployment": {"t": "snapshot", "s": f"deployment:{number}", **picture},
            "moment": iso(moment),
            "pages": {name: reverse(f"deployment-{name}", args=[number]) for name in ("changes", "journal")},
        },
    }
    return render(request, "deployments/deployment.html", context)


def _glass(person: Person, deployment: Deployment) -> str:
    """Where who may deploy there does so without those who are asked; "" for others, and where nobody is."""
    place = (deployment.app.name, deployment.environment.name)
    is_open = deployment.environment.approvals_needed and rights.can(person, "deploy", *place)
    return reverse("break-glass", args=place) if is_open else ""


@never_cache
@login_required
def journal(request: MemberRequest, number: int) -> HttpResponse:
    """`{events, more}`: the entries of a deployment's journal that follow `?after=`, as the stream has them."""
    seen.require(request.user, number)
    after = seen.number_of(request, "after") or 0
    entries = JournalEntry.objects.filter(deployment=number, number__gt=after).order_by("number")[: ENTRIES + 1]
    events = [{"q": each.number, "k": each.kind, "at": iso(each.at), "d": each.payload} for each in entries]
    return JsonResponse({"events": events[:ENTRIES], "more": len(events) > ENTRIES})


def _row(deployment: Deployment) -> dict[str, Any]:
    return {
        "id": deployment.pk,
        "app": deployment.app.name,
        "environment": deployment.environment.name,
        "kind": deployment.kind,
        "ref": deployment.ref,
        "revision": deployment.revision,
        "status": deployment.status,
        "why": phrases.render(deployment.reason, deployment.reason_params) if deployment.reason else "",
        "by": deployment.requested_by.username,
        "requested_at": deployment.created,
        "seconds": _seconds(deployment.started, deployment.finished),
    }


def _readable(state: dict[str, Any]) -> dict[str, Any]:
    """A state for a template: times as times, and the reason in the reader's language."""
    times = {name: _time(state[name]) for name in ("requested_at", "started_at", "finished_at")}
    why = phrases.render(state["reason"], state["params"]) if state["reason"] else ""
    seconds = _seconds(times["started_at"], times["finished_at"])
    return {**state, **times, "why": why, "seconds": seconds}


def _row_of_list(number: int, row: rows.Row) -> dict[str, Any]:
    """A row of the step list for its template."""
    if row.batch:
        members = row.batch.servers
        names = " – ".join(dict.fromkeys((members[0].name, members[-1].name)))
        return {"kind": "batch", "key": row.key, "batch": row.batch, "names": names, "status": row.batch.status}
    if row.step is None:
        return {"kind": row.kind}
    step = row.step
    times = row.server.steps if row.server else [step]
    status = row.server.status if row.server else step["status"]
    begun = min((each["started_at"] for each in times if each["started_at"]), default=None)
    over = max((each["finished_at"] for each in times if each["finished_at"]), default=None)
    return {
        "kind": row.kind,
        "key": row.key,
        "name": row.server.name if row.server else "",
        "step": step,
        "status": status,
        "why": phrases.render(step["reason"], step["params"]) if step["reason"] and not row.server else "",
        "log_url": reverse("log", args=[number, step["key"]]) if step["step_id"] else "",
        "seconds": _seconds(_time(begun), None if status == "running" else _time(over)),
    }


def _readable_mark(mark: moments.Mark, state: dict[str, Any]) -> dict[str, Any]:
    """A mark for a template, with how long after the request it was."""
    begin = state["requested_at"]
    return {**mark._asdict(), "seconds": rows.seconds(begin, mark.at)}


def _moment(request: MemberRequest, state: dict[str, Any]) -> datetime | None:
    given = request.GET.get("at", "")
    begin, end = _time(state["requested_at"]), _time(state["finished_at"]) or timezone.now()
    if not given or begin is None:
        return None
    named = Person.objects.filter(username=request.GET.get("of", "")).first() or request.user
    return moments.asked(given, zone_named(named.time_zone), begin, end)


def _time(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _seconds(started: datetime | None, finished: datetime | None) -> float | None:
    """How long it took, or has taken so far; None before the start."""
    return ((finished or timezone.now()) - started).total_seconds() if started else None
