"""Did you mean: names that are near to what was typed. Pure."""

from collections.abc import Iterable

#: What people write for them in Chinese.
_IN_CHINESE = {"\u5230": "to", "\u81f3": "to", "\u5728": "in", "\u4e8e": "on"}
#: A longer word is no mistyped name of ours (names end at 63 characters), and costs time to compare.
_LONGEST = 80
_MOST = 3


def near(given: str, names: Iterable[str]) -> list[str]:
    """The names that `given` most likely meant: the nearest by edit distance, else those that start with it; sorted."""
    if not given or len(given) > _LONGEST:
        return []
    typed = given.lower()
    best = _allowed(len(typed))
    found: list[str] = []
    starting: list[str] = []
    for name in sorted(set(names)):
        lowered = name.lower()
        if lowered.startswith(typed):
            starting.append(name)
        measured = distance(typed, lowered, best)
        if measured > best:
            continue
        if measured < best:
            best, found = measured, []
        found.append(name)
    whole = [name for name in found if typed.startswith(name.lower())]  # deploy1: deploy, not deploys
    return (whole or found or starting)[:_MOST]


def _allowed(length: int) -> int:
    """How many slips a word of this length may hold and still be recognised."""
    if length < 5:
        return 1
    return 2 if length < 9 else 3


def distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, drop, replace, swap neighbours) from `a` to `b`; `limit + 1` once they are more than `limit`."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        row = [i]
        for j, y in enumerate(b, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before_last, last = last, row
    return min(last[-1], limit + 1)


def keyword_meant(word: str) -> str:
    """`to`, `in` or `on` when `word` looks like a slip of it (`ot`, `tos`, `into`), else an empty text."""
    typed = word.lower()
    if typed in {"to", "in", "on"}:
        return ""
    if typed in {"into", "onto"}:
        return "to"
    if typed in _IN_CHINESE:
        return _IN_CHINESE[typed]
    if not typed.isascii() or not typed.isalpha() or len(typed) > 3:
        return ""
    swapped = typed[::-1]
    if swapped in {"to", "in", "on"}:
        return swapped
    return next((keyword for keyword in ("to", "in", "on") if distance(typed, keyword, 1) <= 1), "")
