"""When nothing is deployed: freezes that a person set, and windows of the week."""

from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import App, Freeze, Person, Window
from deploy_core.models.statements import as_time, select
from deploy_core.rules import windows
from deploy_core.rules.times import zone_named
from deploy_core.rules.windows import Closed, Scope

from . import access
from .locks import EVERYWHERE, moment, scope_text

_STANDING = """
    WHERE "freeze".lifted IS NULL AND ("freeze".ends IS NULL OR "freeze".ends > %s)
    ORDER BY "freeze".starts, "freeze".id
"""


def standing() -> list[Freeze]:
    """The freezes that hold now or are to come, the earliest first."""
    return select(Freeze, _STANDING, (as_time(timezone.now()),), related=("app", "author"))


class Calendar(NamedTuple):
    """All that closes environments, read once."""

    spans: list[windows.Span]
    weekly: list[windows.Weekly]

    def closed(self, app: str, environment: str, at: datetime | None = None) -> Closed | None:
        """What closes an app's environment now, or at a moment; None when it is open."""
        return windows.closed(app, environment, self.spans, self.weekly, at or timezone.now())


def calendar() -> Calendar:
    """The freezes and windows as they stand."""
    spans = [windows.Span(_scope(row), row.starts, row.ends, row.reason, row.author.username) for row in standing()]
    return Calendar(spans, [weekly(row) for row in select(Window, "", related=("app",))])


def closed(app: str, environment: str, at: datetime | None = None) -> Closed | None:
    """What closes an app's environment now, or at a moment to come; None when it is open."""
    return calendar().closed(app, environment, at)


@transaction.atomic
def freeze(
    app: App | None,
    environment: str,
    *,
    by: Person,
    reason: str,
    starts: datetime | None = None,
    ends: datetime | None = None,
    zone: ZoneInfo | None = None,
) -> Freeze:
    """Close `environment` (`*`: all) of `app` (None: every app) from `starts` (now) until `ends` (until it is lifted).

    Raises:
        Forbidden: `by` may not approve there.
        Refused: `reason_required`; `span_wrong`: it would end before it begins.
    """
    access.require(by, "approve", app.name if app else EVERYWHERE, environment)
    if not reason:
        raise Refused("reason_required")
    starts = starts or timezone.now()
    if ends and ends <= starts:
        raise Refused("span_wrong", given=ends.isoformat())
    row = Freeze.objects.create(
        app=app,
        environment=environment,
        author=by,
        reason=reason,
        starts=starts,
        ends=ends,
        time_zone=zone.key if zone else "UTC",
    )
    audit.record(by, "freeze.set", scope_text(row), "done", reason=reason, ends=ends.isoformat() if ends else "")
    return row


@transaction.atomic
def lift(app: App | None, environment: str, *, by: Person) -> int:
    """End the freezes of exactly this scope; how many.

    Raises:
        Forbidden: `by` may not approve there.
        Refused: `not_frozen`.
    """
    access.require(by, "approve", app.name if app else EVERYWHERE, environment)
    found = [row for row in standing() if row.app == app and row.environment == environment]
    if not found:
        raise Refused("not_frozen")
    Freeze.objects.filter(pk__in=[row.pk for row in found]).update(lifted=timezone.now())
    audit.record(by, "freeze.lift", scope_text(found[0]), "done", count=len(found))
    return len(found)


@transaction.atomic
def add_window(window: Window, *, by: Person) -> Window:
    """A new window of the week, from now on.

    Raises:
        Forbidden: `by` does not manage what it covers.
    """
    access.require(by, "manage", window.app.name if window.app else EVERYWHERE, window.environment)
    window.save()
    audit.record(by, "window.add", str(window), "done", days=window.days, zone=window.time_zone)
    return window


@transaction.atomic
def remove_window(window: Window, *, by: Person) -> None:
    """One window less.

    Raises:
        Forbidden: `by` does not manage what it covers.
    """
    access.require(by, "manage", window.app.name if window.app else EVERYWHERE, window.environment)
    audit.record(by, "window.remove", str(window), "done")
    window.delete()


def told(shut: Closed, app: str, environment: str) -> dict[str, Any]:
    """What closes an environment as the parameters of a sentence."""
    until = moment(shut.until)
    return {"app": app, "environment": environment, "until": until, "reason": shut.reason, "by": shut.by}


def weekly(row: Window) -> windows.Weekly:
    """A window as the rules read it."""
    return windows.Weekly(
        scope=_scope(row),
        kind="deny" if row.kind == Window.Kind.DENY else "allow",
        days=frozenset(row.days),
        opens=row.opens,
        closes=row.closes,
        zone=zone_named(row.time_zone),
        reason=row.reason,
    )


def _scope(row: Freeze | Window) -> Scope:
    return Scope(row.app.name if row.app else EVERYWHERE, row.environment)
