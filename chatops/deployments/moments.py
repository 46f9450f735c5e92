"""Moments of a deployment: which one an address means, and the state as it stood then, from the journal alone."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from chatops.deployments import rows
from chatops.room import graph
from deploy_core.models import JournalEntry
from deploy_core.rules import states

_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
#: A second is over when its last millisecond is: what happened in it has happened.
WHOLE_SECOND = timedelta(milliseconds=999)

#: So many batches, and steps in trouble, have a mark.
MOST_BATCHES = 6
MOST_TROUBLE = 3


def asked(given: str, zone: ZoneInfo, begin: datetime, end: datetime) -> datetime | None:
    """The moment that `2026-11-27T13:04:07.000Z` or `13:04:07` by the clocks of `zone` names; None: no time at all.

    A clock time is the one between `begin` and `end`, the first if there are several; else the nearest to them.
    """
    if _CLOCK.fullmatch(given):
        clock = time.fromisoformat(given.rjust(len("00:00:00") if given.count(":") == 2 else len("00:00"), "0"))
        day, last = begin.astimezone(zone).date() - timedelta(days=1), end.astimezone(zone).date() + timedelta(days=1)
        found: list[datetime] = []
        while day <= last and len(found) < 400:
            found.append(datetime.combine(day, clock, tzinfo=zone).astimezone(UTC) + WHOLE_SECOND)
            day += timedelta(days=1)
        return min(found, key=lambda each: max(begin - each, each - end - WHOLE_SECOND, timedelta()))
    try:
        found_at = datetime.fromisoformat(given)
        return found_at.astimezone(UTC) if found_at.tzinfo else None
    except (ValueError, OverflowError):  # the first and the last day there are have no moment in every zone
        return None


def state_at(deployment_id: int, moment: datetime) -> dict[str, Any]:
    """The deployment's state at `moment`, with the nodes to draw, as `streams.deployment_state` has it for now."""
    entries = JournalEntry.objects.filter(deployment_id=deployment_id).order_by("number")
    state = states.replay(deployment_id, states.until(entries, moment))
    told = state.as_json()
    return {**told, "q": state.number, "graph": graph.nodes(told)}


class Mark(NamedTuple):
    """A moment that people look for: the start of a step or a batch, a step in trouble, the end."""

    at: str
    kind: str
    step: str = ""
    server: str = ""
    status: str = ""
    batch: int = 0


def marks(state: Mapping[str, Any]) -> list[Mark]:
    """The moments that stand under the slider, the earliest first. `static/js/replay.js` mirrors this."""
    found = [
        Mark(step["started_at"], "step", step["key"])
        for step in state["steps"]
        if step["key"] in ("fetch", "build") and step["started_at"]
    ]
    servers = rows.servers_of(state)
    real = [each for each in rows.batches_of(state, servers) if each.is_real]
    for batch in real[:MOST_BATCHES]:
        switched = [step["started_at"] for each in batch.servers for step in each.steps if step["kind"] == "switch"]
        if begun := min(filter(None, switched), default=None):
            found.append(Mark(begun, "batch", batch=batch.number))
    bad = [step for step in state["steps"] if step["status"] in rows.TROUBLE and step["finished_at"]]
    for step in sorted(bad, key=lambda each: each["finished_at"])[:MOST_TROUBLE]:
        found.append(Mark(step["finished_at"], "trouble", step["kind"], step["server"], step["status"]))
    if state["finished_at"]:
        found.append(Mark(state["finished_at"], "end", status=state["status"]))
    return sorted(found, key=lambda mark: mark.at)
