"""Periods of renewals: the stated day and time in every zone, no gap, no overlap, no drift."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diameter_ocs.rating.periods import MOST, Period, PeriodLength, Periods, PeriodUnit, parse_period
from tests.support.wall_clock import ZONES

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def ms(*parts, zone=BERLIN, fold=0):
    return int(datetime(*parts, tzinfo=zone, fold=fold).timestamp() * 1000)


def shown(at_ms, zone=BERLIN):
    """What the clock on the wall says, 'YYYY-MM-DD hh:mm'."""
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M}"


def starts(text, anchor_ms, numbers, zone=BERLIN):
    periods = Periods(parse_period(text), anchor_ms, zone)
    return [shown(periods.start_of(number), zone) for number in numbers]


def test_a_month_from_the_31st_comes_back_to_the_31st():
    assert starts("1 month", ms(2027, 1, 31, 10), range(6)) == [
        "2027-01-31 10:00", "2027-02-28 10:00", "2027-03-31 10:00", "2027-04-30 10:00", "2027-05-31 10:00",
        "2027-06-30 10:00",
    ]  # fmt: skip
    assert starts("1 month", ms(2028, 1, 31, 10), [1, 13]) == ["2028-02-29 10:00", "2029-02-28 10:00"]
    assert starts("3 months", ms(2027, 11, 30, 10), [1, 2]) == ["2028-02-29 10:00", "2028-05-30 10:00"]


def test_a_year_from_a_leap_day_comes_back_to_it():
    found = starts("1 year", ms(2028, 2, 29, 8), range(5))
    assert [each[:10] for each in found] == ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]


def test_a_time_that_is_left_out_becomes_the_first_after_the_gap_and_comes_back_the_next_day():
    """28 March 2027, 02:00 becomes 03:00 in Berlin."""
    assert starts("1 day", ms(2027, 3, 27, 2, 30), range(3)) == [
        "2027-03-27 02:30", "2027-03-28 03:00", "2027-03-29 02:30",
    ]  # fmt: skip


def test_a_time_that_comes_twice_is_its_first():
    """31 October 2027, 03:00 becomes 02:00 in Berlin."""
    periods = Periods(parse_period("1 day"), ms(2027, 10, 30, 2, 30), BERLIN)
    assert periods.start_of(1) == ms(2027, 10, 31, 2, 30, fold=0)
    assert periods.start_of(2) - periods.start_of(1) == 25 * HOUR_MS
    second = ms(2027, 10, 31, 2, 30, fold=1)
    bought = Periods(parse_period("1 day"), second, BERLIN)
    assert (bought.start_of(0), bought.period_at(second - 1).index) == (second, -1)


def test_the_days_around_a_change_of_the_clocks_have_23_and_25_hours():
    days = Periods(parse_period("calendar day"), ms(2027, 1, 1, 15), BERLIN)
    for when, hours in ((ms(2027, 3, 28, 12), 23), (ms(2027, 10, 31, 12), 25), (ms(2027, 5, 1, 12), 24)):
        day = days.period_at(when)
        assert day.end_ms - day.start_ms == hours * HOUR_MS
        assert shown(day.start_ms)[10:] == " 00:00"


def test_a_day_whose_midnight_is_left_out_begins_when_the_clocks_jump():
    """In Beirut the 28th of March 2027 begins at 01:00; the 31st of October 2027 ends an hour late."""
    zone = ZoneInfo("Asia/Beirut")
    days = Periods(parse_period("calendar day"), 0, zone)
    spring = days.period_at(ms(2027, 3, 28, 12, zone=zone))
    assert (shown(spring.start_ms, zone), spring.end_ms - spring.start_ms) == ("2027-03-28 01:00", 23 * HOUR_MS)
    autumn = days.period_at(ms(2027, 10, 30, 12, zone=zone))
    assert (shown(autumn.start_ms, zone), autumn.end_ms - autumn.start_ms) == ("2027-10-30 00:00", 25 * HOUR_MS)


def test_hours_are_as_long_as_hours_are():
    night = ms(2027, 3, 28, 1)
    assert Periods(parse_period("24 hours"), night, BERLIN).period_at(night + DAY_MS) == Period(
        1, night + DAY_MS, night + 2 * DAY_MS
    )


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("calendar day", "2027-05-13 00:00", "2027-05-14 00:00"),
        ("calendar week", "2027-05-10 00:00", "2027-05-17 00:00"),
        ("calendar month", "2027-05-01 00:00", "2027-06-01 00:00"),
        ("calendar year", "2027-01-01 00:00", "2028-01-01 00:00"),
        ("2 weeks", "2027-05-13 17:45", "2027-05-27 17:45"),
    ],
)
def test_periods_of_the_calendar_begin_with_it(text, first, second):
    """Thursday, 13 May 2027, 17:45."""
    anchor = ms(2027, 5, 13, 17, 45)
    assert starts(text, anchor, range(2)) == [first, second]
    assert Periods(parse_period(text), anchor, BERLIN).period_at(anchor).index == 0
    assert Periods(parse_period(text), anchor, BERLIN).next_renewal(anchor) == ms(
        *map(int, second[:10].split("-")), *map(int, second[11:].split(":"))
    )


def expected_date(length, anchor, index):
    """The stated day of a period, worked out from dates alone."""
    if length.is_calendar:
        anchor = {
            PeriodUnit.DAY: anchor,
            PeriodUnit.WEEK: anchor - timedelta(days=anchor.weekday()),
            PeriodUnit.MONTH: date(anchor.year, anchor.month, 1),
            PeriodUnit.YEAR: date(anchor.year, 1, 1),
        }[length.unit]
    if length.unit in (PeriodUnit.DAY, PeriodUnit.WEEK):
        days = index * length.count * (1 if length.unit is PeriodUnit.DAY else 7)
        return anchor + timedelta(days=days)
    year, month = anchor.year, anchor.month
    for _ in range(index * length.count * (1 if length.unit is PeriodUnit.MONTH else 12)):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return date(year, month, min(anchor.day, monthrange(year, month)[1]))


lengths = st.one_of(
    st.builds(PeriodLength, st.integers(1, 40), st.sampled_from((PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH))),
    st.builds(PeriodLength, st.integers(1, 3), st.just(PeriodUnit.YEAR)),
    st.builds(PeriodLength, st.just(1), st.sampled_from(list(PeriodUnit)[1:]), st.just(True)),
)
anchors = st.integers(ms(2026, 1, 1), ms(2030, 1, 1))


def test_monthly_renewals_of_ten_years_land_on_the_stated_day_everywhere():
    """The last day of each month at 00:30, and calendar months, wherever clocks go differently in these years."""
    anchor, weeks = date(2027, 1, 31), range(ms(2027, 1, 1) // 1000, ms(2037, 12, 1) // 1000, 7 * 86_400)
    zones = [ZoneInfo(name) for name in sorted(available_timezones())]
    courses = {tuple(datetime.fromtimestamp(week, zone).utcoffset() for week in weeks): zone for zone in zones}
    assert len(courses) > 50
    for zone in courses.values():
        for text, time in (("1 month", "00:30"), ("calendar month", "00:00")):
            periods = Periods(parse_period(text), ms(2027, 1, 31, 0, 30, zone=zone), zone)
            moments = [periods.start_of(index) for index in range(122)]
            assert all(before < after for before, after in pairwise(moments))
            for index, at_ms in enumerate(moments):
                assert_on_time(at_ms, expected_date(periods.length, anchor, index), time, zone)


def assert_on_time(at_ms, day, time, zone):
    """It is the first instant at which the clock shows that time of that day, or the first after the gap over it."""
    wanted = datetime.fromisoformat(f"{day} {time}")
    instants = [int(wanted.replace(tzinfo=zone, fold=fold).timestamp() * 1000) for fold in (0, 1)]
    there = [each for each in instants if shown(each, zone) == f"{day} {time}"]
    if there:
        assert at_ms == min(there), shown(at_ms, zone)
    else:
        assert shown(at_ms - 1000, zone) < f"{day} {time}" < shown(at_ms, zone)


@settings(max_examples=150, deadline=None)
@given(lengths, anchors, st.sampled_from(ZONES))
@example(PeriodLength(1, PeriodUnit.DAY), ms(2026, 1, 1, 0, 15), "Atlantic/Azores")
@example(PeriodLength(1, PeriodUnit.DAY), ms(2026, 1, 1, 2, 15), "Australia/Lord_Howe")
def test_renewals_land_on_the_stated_day_and_time(length, anchor_ms, name):
    zone, anchor_ms = ZoneInfo(name), anchor_ms // 60_000 * 60_000
    periods = Periods(length, anchor_ms, zone)
    local = datetime.fromtimestamp(anchor_ms / 1000, zone)
    time = "00:00" if length.is_calendar else f"{local:%H:%M}"
    moments = [periods.start_of(index) for index in range(125)]
    assert all(before < after for before, after in pairwise(moments))
    assert moments[0] == anchor_ms or length.is_calendar
    for index, at_ms in enumerate(moments[1:], 1):
        assert_on_time(at_ms, expected_date(length, local.date(), index), time, zone)


@settings(max_examples=300, deadline=None)
@given(
    lengths | st.builds(PeriodLength, st.integers(1, 100), st.just(PeriodUnit.HOUR)),
    anchors,
    st.sampled_from(ZONES),
    st.integers(ms(2020, 1, 1), ms(2037, 1, 1)),
)
def test_every_instant_is_in_one_period_that_touches_its_neighbours(length, anchor_ms, name, at_ms):
    periods = Periods(length, anchor_ms, ZoneInfo(name))
    found = periods.period_at(at_ms)
    assert found.start_ms <= at_ms < found.end_ms == periods.next_renewal(at_ms)
    assert found == Period(found.index, periods.start_of(found.index), periods.start_of(found.index + 1))
    assert periods.period_at(found.end_ms).index == found.index + 1
    assert periods.period_at(found.end_ms).start_ms == found.end_ms
    assert periods.period_at(found.start_ms - 1).end_ms == found.start_ms
    assert periods.period_at(anchor_ms).index == 0


def test_a_day_that_a_zone_leaves_out_has_no_length():
    """Samoa had no 30 December 2011: no instant is in it, and the day after has its own number."""
    zone = ZoneInfo("Pacific/Apia")
    days = Periods(parse_period("calendar day"), ms(2011, 12, 29, 12, zone=zone), zone)
    assert days.start_of(1) == days.start_of(2) == ms(2011, 12, 31, 0, zone=zone)
    assert [days.period_at(days.start_of(1) + ago).index for ago in (-1, 0)] == [0, 2]


@pytest.mark.parametrize("unit", list(PeriodUnit))
def test_what_is_written_is_read_again(unit):
    for count in (1, 2, MOST[unit]):
        length = PeriodLength(count, unit)
        assert parse_period(str(length)) == length
    if unit is not PeriodUnit.HOUR:
        assert str(parse_period(f"calendar {unit.value}")) == f"calendar {unit.value}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a period such as '30 days', '1 month' or 'calendar month'"),
        ("month", "'month' is not a period such as"),
        ("1 fortnight", "is not a period such as"),
        ("-1 days", "is not a period such as"),
        ("1.5 days", "is not a period such as"),
        ("1  day", "is not a period such as"),
        ("0 days", "'0 days': a period has 1 to 36,500 days"),
        ("101 years", "'101 years': a period has 1 to 100 years"),
        ("calendar hour", "a calendar period is a calendar day, week, month or year"),
        ("calendar months", "a calendar period is a calendar day, week, month or year"),
        ("2 calendar months", "is not a period such as"),
    ],
)
def test_what_is_no_period(text, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_period(text)


def test_the_longest_periods_stay_within_the_calendar():
    for unit, most in MOST.items():
        periods = Periods(PeriodLength(most, unit), ms(2027, 1, 1), BERLIN)
        assert datetime.fromtimestamp(periods.next_renewal(ms(2027, 1, 2)) / 1000, UTC).year in (2126, 2127)
