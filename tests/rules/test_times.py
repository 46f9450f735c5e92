"""Times and spans as people write them, in zones whose clocks jump."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from deploy_core.errors import Refused
from deploy_core.rules.times import moment, span, zone_named

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30m", timedelta(minutes=30)), ("2h30m", timedelta(hours=2, minutes=30)), ("1W", timedelta(weeks=1))],
)
def test_a_span_is_the_sum_of_its_parts(text, expected):
    assert span(text) == expected


@pytest.mark.parametrize("text", ["0m", "", "999w"])
def test_a_span_of_nothing_or_of_years_is_refused(text):
    with pytest.raises(Refused, match="span_wrong"):
        span(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:00", datetime(2026, 11, 27, 21, 0, tzinfo=UTC)),
        ("9:05", datetime(2026, 11, 28, 8, 5, tzinfo=UTC)),
        ("2026-12-01T22:00", datetime(2026, 12, 1, 21, 0, tzinfo=UTC)),
        ("2026-12-01t22:00:30z", datetime(2026, 12, 1, 22, 0, 30, tzinfo=UTC)),
        ("2026-12-01T22:00+0530", datetime(2026, 12, 1, 16, 30, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 11, 30, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_by_the_clocks_of_its_zone(text, expected):
    assert moment(text, BERLIN, NOON) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [("2026-11-01T10:00", "time_past"), ("2028-01-01T10:00", "time_far"), ("2026-02-30T10:00", "time_wrong")],
)
def test_a_time_that_cannot_be_meant_is_refused(text, code):
    with pytest.raises(Refused, match=code):
        moment(text, BERLIN, NOON)


def test_a_time_that_the_clocks_leave_out_is_refused_with_both_readings():
    with pytest.raises(Refused) as caught:
        moment("2027-03-28T02:30", BERLIN, NOON)

    assert caught.value.code == "time_skipped"
    assert caught.value.params["readings"] == ["2027-03-28T01:30+01:00", "2027-03-28T03:30+02:00"]


def test_a_time_that_the_clocks_show_twice_is_refused_with_both_readings():
    with pytest.raises(Refused) as caught:
        moment("2027-10-31T02:30", BERLIN, NOON)

    assert caught.value.code == "time_doubled"
    first, second = caught.value.params["readings"]
    assert (first, second) == ("2027-10-31T02:30+02:00", "2027-10-31T02:30+01:00")
    assert moment(second, BERLIN, NOON) - moment(first, BERLIN, NOON) == timedelta(hours=1)


def test_a_clock_that_was_left_out_today_and_is_past_means_tomorrow():
    after_the_jump = datetime(2027, 3, 28, 10, 0, tzinfo=UTC)

    assert moment("02:30", BERLIN, after_the_jump) == datetime(2027, 3, 29, 0, 30, tzinfo=UTC)


def test_a_zone_that_is_unknown_is_utc():
    assert zone_named("").key == zone_named("Mars/Olympus").key == zone_named("../etc").key == "UTC"
