"""Local days: each begins once, at its first midnight, wherever clocks are put forward or back."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.rating.local_time import date_of, day_at, day_of, day_start, instant_of, time_zone, wall_ms
from diameter_ocs.rating.periods import Periods, parse_period
from tests.support.wall_clock import ZONES, shown

instants = st.integers(1_167_609_600_000, 2_145_916_800_000)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), instants)
def test_a_day_is_the_calendar_day_that_holds_the_instant(name, at_ms):
    zone = ZoneInfo(name)
    day = day_at(zone, at_ms)
    assert day_start(zone, day) <= at_ms < day_start(zone, day + 1)
    found = Periods(parse_period("calendar day"), at_ms, zone).period_at(at_ms)
    assert (found.start_ms, found.end_ms) == (day_start(zone, day), day_start(zone, day + 1))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), instants)
def test_wall_time_and_back(name, at_ms):
    """The first instant that shows what this one shows."""
    zone = ZoneInfo(name)
    first = instant_of(zone, wall_ms(zone, at_ms))
    assert first <= at_ms
    assert shown(first, zone) == shown(at_ms, zone)


def test_a_day_that_has_begun_goes_on_when_clocks_are_put_back_across_midnight():
    """St John's, 1 November 2009: at 00:01 clocks went back to 23:01 of the day before."""
    zone = ZoneInfo("America/St_Johns")
    first_midnight = int(datetime(2009, 11, 1, 0, 0, tzinfo=zone).timestamp() * 1000)
    again_before = first_midnight + 30 * 60_000
    assert f"{shown(again_before, zone)}" == "2009-10-31 23:30:00"
    assert [date_of(day_at(zone, at_ms)) for at_ms in (first_midnight - 1, first_midnight, again_before)] == [
        date(2009, 10, 31), date(2009, 11, 1), date(2009, 11, 1),
    ]  # fmt: skip


def test_days_and_dates():
    assert (day_of(date(1970, 1, 1)), day_of(date(2027, 1, 1))) == (0, 20_819)
    assert date_of(20_819) == date(2027, 1, 1)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../etc/passwd", "Europe"])
def test_what_is_no_time_zone(name):
    with pytest.raises(ValueError, match="is not a time zone such as 'Europe/Berlin'"):
        time_zone(name)
