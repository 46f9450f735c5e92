"""When nothing may be deployed: spans that were set once, and windows that come every week. Pure.

A *deny* window closes its scope while it is open. *Allow* windows close a scope whenever none of them is open.
Deny beats allow, and a one-off freeze beats both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from .times import clock_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Scope:
    """An app (`*`: all) and an environment name (`*`: all)."""

    app: str
    environment: str

    def covers(self, app: str, environment: str) -> bool:
        return self.app in (EVERYWHERE, app) and self.environment in (EVERYWHERE, environment)


@dataclass(frozen=True, slots=True)
class Span:
    """A freeze from `starts` until `ends` (None: until somebody lifts it)."""

    scope: Scope
    starts: datetime
    ends: datetime | None
    reason: str = ""
    by: str = ""

    def is_open(self, at: datetime) -> bool:
        return self.starts <= at and (self.ends is None or at < self.ends)


@dataclass(frozen=True, slots=True)
class Weekly:
    """Opens on each of `days` (0 is Monday) at `opens` and closes at the next `closes`, by the clocks of `zone`.

    Equal times are a whole day. `closes` before `opens` is on the day after.
    """

    scope: Scope
    kind: Literal["deny", "allow"]
    days: frozenset[int]
    opens: time
    closes: time
    zone: ZoneInfo
    reason: str = ""
    by: str = ""

    def open_until(self, at: datetime) -> datetime | None:
        """The end of the opening that holds `at`; None while it is closed."""
        local = at.astimezone(self.zone).date()
        for back in (0, 1):
            day = local - timedelta(days=back)
            if day.weekday() not in self.days:
                continue
            later = timedelta(days=int(self.closes <= self.opens))
            begin, end = clock_of(day, self.opens, self.zone), clock_of(day + later, self.closes, self.zone)
            if begin <= at < end:
                return end
        return None

    def opens_next(self, at: datetime) -> datetime | None:
        """The first opening after `at`."""
        local = at.astimezone(self.zone).date()
        for ahead in range(9):
            day = local + timedelta(days=ahead)
            if day.weekday() in self.days and (begin := clock_of(day, self.opens, self.zone)) > at:
                return begin
        return None


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing goes there now, and until when (None: nobody knows)."""

    until: datetime | None
    reason: str
    by: str


def closed(app: str, environment: str, spans: Iterable[Span], weekly: Iterable[Weekly], at: datetime) -> Closed | None:
    """What closes an app's environment at a moment; None when it is open."""
    over = [span for span in spans if span.scope.covers(app, environment) and span.is_open(at)]
    if over:
        longest = max(over, key=lambda span: (span.ends is None, span.ends or at))
        return Closed(longest.ends, longest.reason, longest.by)
    mine = [window for window in weekly if window.scope.covers(app, environment)]
    for window in mine:
        if window.kind == "deny" and (end := window.open_until(at)):
            return Closed(end, window.reason, window.by)
    allowing = [window for window in mine if window.kind == "allow"]
    if not allowing or any(window.open_until(at) for window in allowing):
        return None
    nexts = [begin for window in allowing if (begin := window.opens_next(at))]
    return Closed(min(nexts, default=None), allowing[0].reason, allowing[0].by)


def days_named(text: str) -> frozenset[int]:
    """`mon-fri,sun` as numbers of days.

    Raises:
        ValueError: a word that is no day.
    """
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(begin, end + 1 if begin <= end else end + 8)}
    return frozenset(found)


def days_text(days: Iterable[Any]) -> str:
    """Numbers of days as `mon,tue`."""
    return ",".join(DAYS[day] for day in sorted(days))
