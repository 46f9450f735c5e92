"""When nothing may be deployed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from deploy_core.rules.windows import Scope, Span, Weekly, closed, days_named, days_text

EVERYTHING = Scope("*", "*")
BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY_NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def at(day, hour, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def weekly(kind="deny", days="mon-sun", opens=(0, 0), closes=(0, 0), zone=BERLIN, scope=EVERYTHING):
    return Weekly(scope, kind, days_named(days), time(*opens), time(*closes), zone, "weekend", "dana")


def test_a_freeze_closes_from_its_start_to_before_its_end():
    span = Span(Scope("*", "production"), at(27, 10), at(27, 14), "holidays", "dana")

    assert closed("shop", "production", [span], [], at(27, 9, 59)) is None
    assert closed("shop", "production", [span], [], at(27, 10)) == (
        closed("shop", "production", [span], [], at(27, 13, 59))
    )
    assert closed("shop", "production", [span], [], at(27, 14)) is None
    assert closed("shop", "staging", [span], [], FRIDAY_NOON) is None


def test_a_freeze_without_an_end_says_so():
    shut = closed("shop", "staging", [Span(EVERYTHING, at(27, 1), None, "audit", "dana")], [], FRIDAY_NOON)

    assert (shut.until, shut.reason, shut.by) == (None, "audit", "dana")


def test_a_window_over_midnight_belongs_to_the_day_it_opened():
    window = weekly(days="fri", opens=(18, 0), closes=(9, 0))

    assert closed("shop", "staging", [], [window], at(27, 16, 59)) is None
    assert closed("shop", "staging", [], [window], at(27, 17)).until == at(28, 8)
    assert closed("shop", "staging", [], [window], at(28, 7, 59)).until == at(28, 8)
    assert closed("shop", "staging", [], [window], at(28, 8)) is None


def test_outside_all_allowing_windows_it_is_closed_until_the_next_one_opens():
    window = weekly("allow", "mon-thu", (9, 0), (17, 0))

    assert closed("shop", "staging", [], [window], at(26, 12)) is None
    assert closed("shop", "staging", [], [window], FRIDAY_NOON).until == at(30, 8)


def test_deny_beats_allow():
    allow = weekly("allow", "mon-fri", (9, 0), (17, 0))
    deny = weekly("deny", "fri", (12, 0), (17, 0))

    assert closed("shop", "staging", [], [allow, deny], at(27, 10)) is None
    assert closed("shop", "staging", [], [allow, deny], FRIDAY_NOON).until == at(27, 16)


def test_a_window_keeps_to_the_clocks_when_they_jump():
    night = weekly(days="sat", opens=(22, 0), closes=(6, 0))
    saturday = datetime(2027, 3, 27, 22, 0, tzinfo=BERLIN)

    until = closed("shop", "staging", [], [night], saturday.astimezone(UTC)).until

    assert until.astimezone(BERLIN) == datetime(2027, 3, 28, 6, 0, tzinfo=BERLIN)
    assert until - saturday.astimezone(UTC) == timedelta(hours=7)


@pytest.mark.parametrize(
    ("text", "expected"), [("mon-fri", "mon,tue,wed,thu,fri"), ("sat-mon", "mon,sat,sun"), ("Wed, sun", "wed,sun")]
)
def test_days_are_named_alone_or_in_spans(text, expected):
    assert days_text(days_named(text)) == expected


def test_a_word_that_is_no_day_is_refused():
    with pytest.raises(ValueError, match="not in"):
        days_named("mon-fry")
