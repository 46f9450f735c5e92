"""The logs of a deployment: a page per step, files of the whole, and what the drawer asks about lines it lacks."""

import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from chatops.deployments import seen
from chatops.room import streams
from chatops.room.models import Stream
from chatops.room.views import MemberRequest, rail
from deploy_core.ledger import log as ledger
from deploy_core.models import Step

#: Lines on one page.
LINES = 1000
FIND_LIMIT = 200
#: A file of all logs is made in memory up to this, then on disk.
SPOOL_BYTES = 4 * 1024 * 1024


@never_cache
@login_required
def page(request: MemberRequest, number: int, key: str) -> HttpResponseBase:
    """A step's log from line `?from=` on, at most a thousand lines.

    `?line=88` leads to the page that has it, `?q=error` lists the lines that hold a text, `?raw` is the whole file.
    """
    step = _step(request, number, key)
    if "raw" in request.GET:
        return _raw(number, step)
    if line := seen.number_of(request, "line"):
        return redirect(f"{reverse('log', args=[number, key])}?from={max(1, line - LINES // 2)}#L{line}")
    total = streams.heads([Stream("log", step.pk)])[Stream("log", step.pk)].number
    first = max(1, seen.number_of(request, "from") or 1)
    query = request.GET.get("q", "").strip()[:FIND_LIMIT]
    if query:
        found = ledger.find(step.pk, query)
        lines, later, earlier = found.lines, None, None
    else:
        found = None
        lines = ledger.lines(step.pk, first - 1, LINES)
        last = lines[-1][0] if lines else first - 1
        later = last + 1 if last < total else None
        earlier = max(1, first - LINES) if first > 1 else None
    context = {
        "deployment": streams.deployment_state(number),
        "step": step,
        "lines": [_line(line) for line in lines],
        "total": total,
        "query": query,
        "found": found,
        "earlier": earlier,
        "later": later,
        "rooms": rail(request.user),
        "page": "deployments",
    }
    return render(request, "deployments/log.html", context)


@never_cache
@login_required
def find(request: MemberRequest, number: int, key: str) -> HttpResponse:
    """`{count, lines}`: how many lines of a step's whole log hold `?q=`, and the numbers of the first thousand."""
    step = _step(request, number, key)
    found = ledger.find(step.pk, request.GET.get("q", "").strip()[:FIND_LIMIT])
    return JsonResponse({"count": found.total, "lines": [line[0] for line in found.lines]})


@never_cache
@login_required
def until(request: MemberRequest, number: int, key: str) -> HttpResponse:
    """`{line}`: the last line of a step's log that was printed by `?ms=` (milliseconds since 1970), 0 for none."""
    step = _step(request, number, key)
    return JsonResponse({"line": ledger.last_line_by(step.pk, seen.number_of(request, "ms") or 0)})


@never_cache
@login_required
def everything(request: MemberRequest, number: int) -> HttpResponseBase:
    """All logs of a deployment as one zip file, a text file for each step that printed something."""
    seen.require(request.user, number)
    steps = Step.objects.filter(deployment=number, log_lines__gt=0).order_by("position")
    spool = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115  the response closes it
    with zipfile.ZipFile(spool, "w", zipfile.ZIP_DEFLATED) as archive:
        for step in steps:
            name = f"deployment-{number}/{step.position:04d}-{step.key.replace(':', '-')}.log"
            with archive.open(name, "w", force_zip64=True) as file:
                for piece in _text(step.pk):
                    file.write(piece.encode())
    spool.seek(0)
    return FileResponse(spool, as_attachment=True, filename=f"deployment-{number}-logs.zip")


def _step(request: MemberRequest, number: int, key: str) -> Step:
    seen.require(request.user, number)
    return get_object_or_404(Step, deployment=number, key=key)


def _raw(number: int, step: Step) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_text(step.pk), content_type="text/plain; charset=utf-8")
    name = f"deployment-{number}-{step.key.replace(':', '-')}.log"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _text(step_id: int) -> Iterator[str]:
    after = 0
    while lines := ledger.lines(step_id, after, LINES):
        yield "".join(f"{text}\n" for _, _, _, text in lines)
        after = lines[-1][0]


def _line(line: ledger.Line) -> dict[str, Any]:
    number, ms, channel, text = line
    return {"number": number, "at": datetime.fromtimestamp(ms / 1000, tz=UTC), "c": channel, "text": text}
