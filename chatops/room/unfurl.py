"""What stands behind `#42` and behind a link to a line of a log: read from rows, for whoever may see it. No address is
ever fetched."""

from collections.abc import Sequence
from typing import Any

from chatops.room import access
from chatops.room.models import Stream
from deploy_core.ledger import log
from deploy_core.models import Deployment, Person, Step

#: So many links of one question are looked at, so many lines of a log shown, so many characters of each.
LINKS, LINES, WIDTH = 20, 8, 300


def unfurl(person: Person, links: Sequence[Any]) -> list[dict[str, Any] | None]:
    """For each of `{deployment, step?, line?, to?}`: `{deployment, app, environment, ref, revision, status, by, log}`.

    `log` is None, or `{step, server, lines: [[number, ms, channel, text]…]}`. What the person may not see, and what
    is no such link, is None.
    """
    return [_one(person, link) if isinstance(link, dict) else None for link in links[:LINKS]]


def _one(person: Person, link: dict[str, Any]) -> dict[str, Any] | None:
    number = _number(link.get("deployment"))
    if not number or not access.may_see(person, Stream("deployment", number)):
        return None
    deployment = Deployment.objects.select_related("app", "environment", "requested_by").get(pk=number)
    return {
        "deployment": deployment.pk,
        "app": deployment.app.name,
        "environment": deployment.environment.name,
        "ref": deployment.ref,
        "revision": deployment.revision,
        "status": deployment.status,
        "by": deployment.requested_by.username,
        "log": _log(deployment, link),
    }


def _log(deployment: Deployment, link: dict[str, Any]) -> dict[str, Any] | None:
    key, first = link.get("step"), _number(link.get("line"))
    if not isinstance(key, str) or not first or not key.isprintable():
        return None
    step = Step.objects.filter(deployment=deployment, key=key[:200]).first()
    if step is None:
        return None
    last = max(first, min(_number(link.get("to")) or first, first + LINES - 1))
    lines = log.lines(step.pk, first - 1, last - first + 1)
    shown = [[number, ms, channel, text[:WIDTH]] for number, ms, channel, text in lines if first <= number <= last]
    return {"step": step.key, "kind": step.kind, "server": step.server_name, "lines": shown} if shown else None


def _number(value: object) -> int:
    """A number that names a row; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0
