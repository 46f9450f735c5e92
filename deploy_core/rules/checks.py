"""What statuses and check runs of a revision say about deploying it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

State = Literal["pending", "green", "red"]
#: Stands for every check that there is; there must be one.
EVERY = "*"

_STATUSES: Mapping[str, State] = {"success": "green", "pending": "pending", "failure": "red", "error": "red"}
_CONCLUSIONS: Mapping[str, State] = {"success": "green", "neutral": "green", "skipped": "green"}


class Check(NamedTuple):
    """The newest word of one check."""

    name: str
    state: State
    url: str = ""


class Verdict(NamedTuple):
    """What is in the way: checks that are red, and the names of those that have not said anything final."""

    red: tuple[Check, ...] = ()
    waiting: tuple[str, ...] = ()


def verdict(required: Sequence[str], found: Iterable[Check]) -> Verdict:
    """Whether `required` (names, or `*`) are green among what was found."""
    known = {check.name: check for check in found}
    if EVERY in required:
        names = [*known, *(name for name in required if name not in (EVERY, *known))] or [EVERY]
    else:
        names = list(required)
    red = tuple(known[name] for name in names if name in known and known[name].state == "red")
    waiting = tuple(name for name in names if name not in known or known[name].state == "pending")
    return Verdict(red, waiting)


def of_status(status: Mapping[str, Any]) -> Check | None:
    """A commit status as GitHub tells it; None for what is none."""
    name, state = status.get("context"), _STATUSES.get(str(status.get("state")))
    return (
        Check(name[:200], state, _url(status.get("target_url"))) if isinstance(name, str) and name and state else None
    )


def of_run(run: Mapping[str, Any]) -> Check | None:
    """A check run as GitHub tells it."""
    name = run.get("name")
    if not isinstance(name, str) or not name:
        return None
    if run.get("status") != "completed":
        return Check(name[:200], "pending", _url(run.get("html_url")))
    return Check(name[:200], _CONCLUSIONS.get(str(run.get("conclusion")), "red"), _url(run.get("html_url")))


def _url(value: object) -> str:
    is_link = isinstance(value, str) and value.startswith(("https://", "http://")) and len(value) <= 500
    return str(value) if is_link else ""
