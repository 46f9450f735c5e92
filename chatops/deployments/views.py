"""Pages of deployments: the list, one of them, a step's log. They say all without script; script keeps them live."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie

from bot import phrases
from chatops.deployments import acts, filters
from chatops.room import access, streams
from chatops.room.models import Stream
from chatops.room.views import MemberRequest, page_boot, rail
from deploy_core.ledger import log as logs
from deploy_core.models import Deployment, Step

#: Deployments on one page of the list, and lines on one page of a log.
LISTED = 50
LINES = 1000


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
    if before := _number(request, "before"):
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
    """One deployment: its state, its steps with links to their logs."""
    _require(request, number)
    picture = streams.deployment_picture(number)
    state = picture["state"]
    context = {
        "deployment": _readable(state),
        "steps": [_step(number, step) for step in state["steps"]],
        "rooms": rail(request.user),
        "page": "deployments",
        "act": acts.form(request.user, state),
        "said": acts.answer(request.user, request.GET.get("said", "")),
        "boot": page_boot(request.user) | {"deployment": {"t": "snapshot", "s": f"deployment:{number}", **picture}},
    }
    return render(request, "deployments/deployment.html", context)


@never_cache
@login_required
def log(request: MemberRequest, number: int, key: str) -> HttpResponseBase:
    """A step's log from line `?from=` on, at most a thousand lines; `?raw` is the whole as plain text."""
    _require(request, number)
    step = get_object_or_404(Step, deployment=number, key=key)
    if "raw" in request.GET:
        return _raw(number, step)
    total = streams.heads([Stream("log", step.pk)])[Stream("log", step.pk)].number
    first = max(1, _number(request, "from") or 1)
    lines = logs.lines(step.pk, first - 1, LINES)
    last = lines[-1][0] if lines else first - 1
    context = {
        "deployment": _readable(streams.deployment_state(number)),
        "step": step,
        "title": step.kind,
        "lines": [_line(line) for line in lines],
        "total": total,
        "first": first,
        "last": last,
        "earlier": max(1, first - LINES) if first > 1 else None,
        "later": last + 1 if last < total else None,
        "rooms": rail(request.user),
        "page": "deployments",
    }
    return render(request, "deployments/log.html", context)


def _raw(number: int, step: Step) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_text(step.pk), content_type="text/plain; charset=utf-8")
    name = f"deployment-{number}-{step.key.replace(':', '-')}.log"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _text(step_id: int) -> Iterator[str]:
    after = 0
    while lines := logs.lines(step_id, after, LINES):
        yield "".join(f"{text}\n" for _, _, _, text in lines)
        after = lines[-1][0]


def _require(request: MemberRequest, number: int) -> None:
    """
    Raises:
        Http404: there is no such deployment, or the person may not see it; which of the two is not said.
    """
    if number > 2**63 - 1 or not access.may_see(request.user, Stream("deployment", number)):
        raise Http404


def _number(request: HttpRequest, name: str) -> int | None:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


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


def _step(number: int, step: dict[str, Any]) -> dict[str, Any]:
    started, finished = _time(step["started_at"]), _time(step["finished_at"])
    return {
        **step,
        "log_url": reverse("log", args=[number, step["key"]]) if step["step_id"] else "",
        "why": phrases.render(step["reason"], step["params"]) if step["reason"] else "",
        "seconds": _seconds(started, finished),
    }


def _line(line: logs.Line) -> dict[str, Any]:
    number, ms, channel, text = line
    return {"number": number, "at": datetime.fromtimestamp(ms / 1000, tz=UTC), "c": channel, "text": text}


def _time(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _seconds(started: datetime | None, finished: datetime | None) -> float | None:
    """How long it took, or has taken so far; None before the start."""
    return ((finished or timezone.now()) - started).total_seconds() if started else None
