"""Audit rows as text that other programs read."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from deploy_core.models import AuditEntry
from deploy_core.rules.times import iso

FORMATS = ("jsonl", "csv")
COLUMNS = ("number", "at", "actor", "action", "target", "outcome", "params", "hash")
#: A spreadsheet takes a cell that begins so for something to run.
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[AuditEntry], shape: str) -> Iterator[str]:
    """One text per row, each with its line end; CSV begins with the names of the columns."""
    if shape == "csv":
        yield ",".join(COLUMNS) + "\r\n"
    for row in rows:
        told = {
            "number": row.number,
            "at": iso(row.at),
            "actor": row.actor.username if row.actor else "",
            "action": row.action,
            "target": row.target,
            "outcome": row.outcome,
            "params": row.params,
            "hash": row.hash,
        }
        yield _csv(told) if shape == "csv" else json.dumps(told, ensure_ascii=False) + "\n"


def _csv(told: dict[str, object]) -> str:
    line = io.StringIO()
    told = told | {"params": json.dumps(told["params"], ensure_ascii=False, sort_keys=True)}
    csv.writer(line).writerow([_inert(str(told[name])) for name in COLUMNS])
    return line.getvalue()


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_RUNS) else cell
