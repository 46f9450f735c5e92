"""How much the grammar does for a line: counted, not timed, and no more than the line is long."""

import sys

import pytest

from bot.grammar import parse
from bot.mistakes import Mistake

#: What may go wrong with reading: each begins a line and repeats a piece, up to the length that is asked for.
FAMILIES = {
    "one word": ("/deploy ", "a"),
    "many words": ("/deploy ", "a "),
    "spaces": ("/deploy api", " "),
    "hard spaces": ("/deploy api", "\u00a0"),
    "open quotes": ("/deploy ", '"a '),
    "quotes": ("/deploy api ", '"a" '),
    "reasons": ("/deploy api to staging because ", "because "),
    "parameters": ("/deploy api ", "| "),
    "colons": ("/lock a", ":1"),
    "slashes": ("/deploy api/", "a/"),
    "hosts": ("/deploy api to staging/", "a,"),
    "digits": ("/cancel #", "9"),
    "options": ("/deploy ", "--force "),
    "keywords": ("/history api ", "last 1 "),
    "full width": ("/deploy ", "\uff50"),
    "unseen": ("/deploy ", "\u200b"),
    "open links": ("/deploy api ", "<https://x|"),
    "links": ("", "<a|b>"),
    "entities": ("/deploy api ", "&lt;"),
    "code": ("`/deploy api", "`"),
    "line ends": ("/deploy api", "\n"),
    "slips of a verb": (".", "deploy-"),
    "prose": ("", "hello "),
}


def line_of(length, family):
    begin, piece = FAMILIES[family]
    return (begin + piece * length)[:length]


def work(line, context, surface):
    """How many lines of Python are run to read `line`."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parse(line, context, surface=surface, room="general")
    except Mistake as mistake:
        mistake.as_json()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("surface", ["web", "slack"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_line_twice_as_long_is_no_more_than_twice_the_work(family, surface, context):
    short, long = (work(line_of(length, family), context, surface) for length in (5_000, 10_000))

    assert long <= 2.2 * short + 200
    assert long < 40_000
