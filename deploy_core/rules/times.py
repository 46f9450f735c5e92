"""Times and spans as people write them: `2h30m`, `22:00`, `2026-12-01T22:00`, each in a zone. Pure; answers are UTC.

A clock that is put forward leaves out an hour, and one that is put back has an hour twice. A local time in either is
refused with both moments it could mean: nobody should learn the next morning which one was taken.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from deploy_core.errors import Refused

_SPAN = re.compile(r"(\d{1,4})([wdhms])", re.ASCII)
_UNIT_S = {"w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
#: The longest span and the farthest moment that anybody means.
LONGEST = timedelta(days=366)

Clock = Literal["plain", "skipped", "doubled"]


def zone_named(name: str) -> ZoneInfo:
    """The zone of a profile; UTC where there is none, or one that this machine does not know."""
    try:
        return ZoneInfo(name or "UTC")
    except (ValueError, OSError, LookupError):
        return ZoneInfo("UTC")


def span(text: str) -> timedelta:
    """`2h30m` as a span.

    Raises:
        Refused: `span_wrong`: nothing, or more than a year.
    """
    total = timedelta(seconds=sum(int(count) * _UNIT_S[unit] for count, unit in _SPAN.findall(text.lower())))
    if not timedelta() < total <= LONGEST:
        raise Refused("span_wrong", given=text)
    return total


def moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment that `22:00` (the next one), `2026-12-01` (its midnight) or `2026-12-01T22:00[+01:00]` names.

    Raises:
        Refused: `time_wrong`, `time_past`, `time_far`; `time_skipped` and `time_doubled` with both `readings`.
    """
    found = _next_clock(text, zone, now) if _is_clock(text) else _dated(text, zone)
    if found <= now:
        raise Refused("time_past", given=text, zone=zone.key)
    if found > now + LONGEST:
        raise Refused("time_far", given=text)
    return found


def _is_clock(text: str) -> bool:
    return len(text) <= len("22:00")


def _next_clock(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    at = time.fromisoformat(text.rjust(5, "0"))
    local = datetime.combine(now.astimezone(zone).date(), at)
    if readings(local, zone)[1][1] <= now:
        local += timedelta(days=1)
    return at_clock(local, zone, given=text)


def _dated(text: str, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        raise Refused("time_wrong", at=text) from None
    return found.astimezone(UTC) if found.tzinfo else at_clock(found, zone, given=text)


def at_clock(local: datetime, zone: ZoneInfo, *, given: str = "") -> datetime:
    """The moment at which the clocks of `zone` show `local` (naive).

    Raises:
        Refused: `time_skipped`, `time_doubled`.
    """
    kind, (first, second) = readings(local, zone)
    if kind == "plain":
        return first
    shown = [reading.astimezone(zone).isoformat(timespec="minutes") for reading in (first, second)]
    raise Refused(f"time_{kind}", given=given or local.isoformat(), zone=zone.key, readings=shown)


def readings(local: datetime, zone: ZoneInfo) -> tuple[Clock, tuple[datetime, datetime]]:
    """What `local` may mean in `zone`, the earlier first: the same twice where clocks show it exactly once."""
    found = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    if found[0] == found[1]:
        return "plain", (found[0], found[1])
    back = found[0].astimezone(zone).replace(tzinfo=None)
    return ("doubled" if back == local else "skipped"), (min(found), max(found))


def clock_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When the clocks of `zone` show `at` on `day`; of two moments the earlier, of none the first after the gap.

    For windows that come every week: nobody is there to be asked.
    """
    local = datetime.combine(day, at)
    kind, (first, second) = readings(local, zone)
    return second if kind == "skipped" else first


def iso(at: datetime | None) -> str | None:
    """A time as ISO 8601 in UTC with milliseconds and a `Z`, as JavaScript writes it."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
