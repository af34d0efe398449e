"""Days of the operator's time zone, also when clocks are put forward or back."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.rating.day_cap import DayCap

HOUR_MS = 3_600_000


def at(zone, *when):
    return int(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()) * 1000


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 6, 1), 24),
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("America/Sao_Paulo", (2018, 11, 3), 24),
        ("America/Havana", (2026, 11, 1), 25),
    ],
)
def test_a_day_lasts_until_the_next_one_begins(zone, day, hours):
    cap, start = DayCap(1, ZoneInfo(zone)), at(zone, *day)
    assert cap.day_of(start) == date(*day).toordinal()
    assert cap.end_of_day(start) - start == hours * HOUR_MS


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Kolkata"])
@given(st.integers(at("UTC", 2015, 1, 1), at("UTC", 2030, 1, 1)))
def test_the_day_changes_at_its_end_and_not_before(zone, at_ms):
    cap = DayCap(1, ZoneInfo(zone))
    end = cap.end_of_day(at_ms)
    assert end > at_ms
    assert cap.day_of(end - 1000) == cap.day_of(at_ms)
    assert cap.day_of(end) == cap.day_of(at_ms) + 1
