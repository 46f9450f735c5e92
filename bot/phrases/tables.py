"""Tables in replies: cells are parameters (see `bot.phrases`), so that each reader gets their own words and time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

Cell = str | int | Sequence[str] | Mapping[str, Any]


def table(head: Iterable[str], rows: Iterable[Sequence[Cell]]) -> dict[str, Any]:
    """`head` names the phrases `column.<name>`; each row has one cell for each."""
    return {"head": [f"column.{name}" for name in head], "rows": [list(row) for row in rows]}


def at(moment: datetime | None) -> Cell:
    """A time, which each reader sees in their own zone."""
    return {"at": moment.isoformat(timespec="seconds")} if moment else ""


def phrase(code: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "params": dict(params or {})}


def status_word(status: str) -> dict[str, Any]:
    return {"status": str(status)}


def runs(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Which servers run what, as the reason of a deployment's end tells it (`runs`: release name → server names).

    The name is empty for servers that could not be asked, and `-` for those that run nothing yet.
    """
    codes = {"": "runs.unknown", "-": "runs.nothing"}
    return [
        phrase(codes.get(release, "runs"), {"release": release, "servers": servers})
        for release, servers in params.get("runs", {}).items()
    ]
