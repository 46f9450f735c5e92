"""The one catalogue of what the bot says: code → sentence. Replies, reasons and announcements are stored as codes.

A parameter is text, a number, a list of texts, or one of these objects, which whoever renders it turns into words:
`{"code", "params"}` a phrase, `{"at"}` an ISO time, `{"status"}` a status word, `{"deployment"}` a number,
`{"revision"}` a commit id, `{"line"}` a command to press; any other object is a list of `name: value`.
Of a list called `servers` runs of numbered names are told by their ends: `web-1 – web-9, db-1`.
`table` holds `{"head": [codes], "rows": [[parameter, …]]}`.

`[[ … ]]` in a sentence is said only when all its places are filled.
`static/js/words.js` renders the same on the page.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.functional import Promise

from .answers import ANNOUNCEMENTS, ANSWERS, RUNS, SUMMARIES, USAGES
from .calling import CALLING
from .doors import DOORS
from .errands import ERRANDS
from .faults import FAULTS
from .lexicon import COLUMNS, STATUSES, STEPS, WORDS
from .lookup import LOOKUP
from .refusals import HINTS, REFUSALS
from .safety import SAFETY
from .slack import SLACK
from .trust import TRUST
from .turns import TURNS

_PARTS: tuple[Mapping[str, Promise], ...] = (
    REFUSALS,
    HINTS,
    FAULTS,
    ANSWERS,
    ANNOUNCEMENTS,
    RUNS,
    SUMMARIES,
    USAGES,
    STATUSES,
    STEPS,
    COLUMNS,
    WORDS,
    ERRANDS,
    SAFETY,
    SLACK,
    TURNS,
    CALLING,
    TRUST,
    LOOKUP,
    DOORS,
)
PHRASES: dict[str, Promise] = {code: phrase for part in _PARTS for code, phrase in part.items()}

_OPTIONAL = re.compile(r"\[\[(.*?)\]\]")
_PLACE = re.compile(r"%%|%\((\w+)\)s")
_NUMBERED = re.compile(r"(.*?)(0|[1-9]\d{0,8})", re.ASCII | re.DOTALL)
#: So many names in a row are told by the first and the last.
_RUN = 3


def catalogue() -> dict[str, str]:
    """Every sentence in the active language, with its `%(name)s` places: what a page needs to render codes."""
    return {code: str(phrase) for code, phrase in PHRASES.items()}


def render(code: str, params: Mapping[str, Any]) -> str:
    """The sentence of `code` in the active language; a place without a value keeps its name, an unknown code too."""
    if code not in PHRASES:
        return code
    sentence = _OPTIONAL.sub(lambda part: part[1] if _is_filled(part[1], params) else "", str(PHRASES[code]))
    return _PLACE.sub(lambda place: _filled(place, params), sentence)


def _is_filled(part: str, params: Mapping[str, Any]) -> bool:
    return all(params.get(place[1]) not in (None, "", [], {}) for place in _PLACE.finditer(part) if place[1])


def _filled(place: re.Match[str], params: Mapping[str, Any]) -> str:
    if place.group() == "%%":
        return "%"
    name, value = place[1], params.get(place[1])
    if name not in params:
        return place.group()
    return value_text(in_runs(value) if name == "servers" and isinstance(value, list | tuple) else value)


def in_runs(names: Sequence[str]) -> list[str]:
    """`names` in their order; three or more that only count up, such as web-1, web-2, web-3, are one: web-1 – web-3."""
    found: list[list[str]] = []
    following = None
    for name in names:
        if found and name == following:
            found[-1].append(name)
        else:
            found.append([name])
        numbered = _NUMBERED.fullmatch(name)
        following = f"{numbered[1]}{int(numbered[2]) + 1}" if numbered else None
    return [text for run in found for text in ([f"{run[0]} – {run[-1]}"] if len(run) >= _RUN else run)]


def render_text(code: str, params: Mapping[str, Any]) -> str:
    """The sentence and, under it, the table as aligned plain text: for a shell."""
    sentence = render(code, params)
    table = params.get("table")
    if not isinstance(table, Mapping):
        return sentence
    rows = [[render(column, {}) for column in table["head"]]]
    rows += [[value_text(cell) for cell in row] for row in table["rows"]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([sentence, *lines])


def value_text(value: object) -> str:
    """A parameter as text in the active language."""
    if isinstance(value, Mapping):
        return _object_text(value)
    if isinstance(value, list | tuple):
        if not value:
            return "–"
        return str(PHRASES["list.separator"]).join(value_text(each) for each in value)
    return "" if value is None else str(value)


def _object_text(value: Mapping[str, Any]) -> str:
    if "code" in value:
        return render(value["code"], value.get("params", {}))
    if "at" in value:
        return f"{datetime.fromisoformat(value['at']):%Y-%m-%d %H:%M} UTC" if value["at"] else ""
    if "status" in value:
        return render(f"status.{value['status']}", {})
    if "deployment" in value:
        return f"#{value['deployment']}"
    if "revision" in value:
        return str(value["revision"])[:7]
    if "line" in value:
        return str(value["line"])
    return str(PHRASES["list.separator"]).join(f"{name or '?'}: {value_text(each)}" for name, each in value.items())
