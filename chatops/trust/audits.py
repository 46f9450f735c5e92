"""The audit's page: who did, or was refused, what. For who manages everything."""

from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from chatops.room.views import MemberRequest
from chatops.trust import export
from chatops.trust.people import Managed
from deploy_core.ledger import audit
from deploy_core.models import AuditEntry

PAGE = 100
#: Outcomes that say "no"; every other one that is none of these and not in `_DONE` is a code of a refusal.
_DONE = ("done", "accepted")

_page = method_decorator([never_cache, login_required], name="dispatch")


class Filter(NamedTuple):
    """What of the audit is wanted; an empty field wants everything."""

    who: str
    what: str
    on: str
    outcome: str
    since: date | None
    until: date | None

    @classmethod
    def of(cls, request: HttpRequest) -> "Filter":
        """As the address says it."""
        said = {name: request.GET.get(name, "").strip().replace("\0", "")[:100] for name in ("who", "what", "on")}
        outcome = request.GET.get("outcome", "")
        return cls(
            **said,
            outcome=outcome if outcome in ("done", "refused") else "",
            since=_day(request.GET.get("since", "")),
            until=_day(request.GET.get("until", "")),
        )

    def rows(self) -> QuerySet[AuditEntry]:
        """Those rows, the newest first."""
        wanted = Q(action__startswith=self.what) & Q(target__icontains=self.on)
        if self.who:
            wanted &= Q(actor__username=self.who)
        if self.outcome:
            wanted &= Q(outcome__in=_DONE) if self.outcome == "done" else ~Q(outcome__in=_DONE)
        if self.since:
            wanted &= Q(at__gte=datetime.combine(self.since, time.min, UTC))
        if self.until:
            wanted &= Q(at__lte=datetime.combine(self.until, time.max, UTC))
        return AuditEntry.objects.filter(wanted).order_by("-number").select_related("actor")

    def query(self) -> str:
        """As an address says it."""
        said = {name: str(value) for name, value in self._asdict().items() if value}
        return urlencode(said)


@_page
class Audit(Managed):
    """A page of rows, narrowed; `before` goes back in time."""

    def get(self, request: MemberRequest) -> HttpResponse:
        """The rows."""
        wanted = Filter.of(request)
        before = request.GET.get("before", "")
        rows = wanted.rows()
        if before.isdecimal() and len(before) < 19:
            rows = rows.filter(number__lt=int(before))
        shown = list(rows[: PAGE + 1])
        more = f"{wanted.query()}&before={shown[PAGE - 1].number}" if len(shown) > PAGE else ""
        told: dict[str, Any] = {"rows": shown[:PAGE], "wanted": wanted, "more": more, "query": wanted.query()}
        return self.draw("trust/audit.html", page="audit", **told)


@_page
class Export(Managed):
    """All rows that the page would show, as a file. Taking it is audited first."""

    def get(self, request: MemberRequest, shape: str) -> StreamingHttpResponse:
        """The file, row by row."""
        if shape not in export.FORMATS:
            raise Http404
        wanted = Filter.of(request)
        audit.record(request.user, "audit.export", shape, "done", wanted=wanted.query())
        kind = "text/csv" if shape == "csv" else "application/jsonl"
        rows = wanted.rows().order_by("number").iterator(chunk_size=500)
        response = StreamingHttpResponse(export.lines(rows, shape), content_type=f"{kind}; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="audit.{shape}"'
        return response


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
