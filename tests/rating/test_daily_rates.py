"""Prices by the time of day: exact at the boundary, right through summer time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.daily_rates import DailyRates
from diameter_ocs.rating.prices_file import PriceBand, daily_rates
from diameter_ocs.rating.rate import Rate

BERLIN = ZoneInfo("Europe/Berlin")
DAY, NIGHT = Rate(1_000_000, 100_000), Rate(1_000_000, 200_000)


def bands(*rows):
    return [PriceBand.model_validate({"from": begins, "to": ends, "price": price}) for begins, ends, price in rows]


def tariff(zone=BERLIN):
    return daily_rates(bands(("06:00", "20:00", "0.10"), ("20:00", "06:00", "0.20")), 1_000_000, zone)


def ms(*parts, zone=BERLIN, fold=0):
    return int(datetime(*parts, tzinfo=zone, fold=fold).timestamp()) * 1000


def test_the_boundary_is_exact():
    switch = ms(2026, 1, 15, 20, 0)
    assert tariff().rate_at(switch - 1) == DAY
    assert tariff().rate_at(switch) == NIGHT
    assert tariff().next_switch(switch - 1) == switch
    assert tariff().next_switch(switch) == ms(2026, 1, 16, 6, 0)
    assert tariff().dearest == NIGHT


def test_summer_time_moves_the_switch_in_utc():
    winter, summer = tariff().next_switch(ms(2026, 1, 15, 12)), tariff().next_switch(ms(2026, 7, 15, 12))
    assert datetime.fromtimestamp(winter / 1000, UTC).hour == 19
    assert datetime.fromtimestamp(summer / 1000, UTC).hour == 18


def test_a_switch_in_the_hour_that_is_left_out_comes_when_the_clock_jumps():
    """29 March 2026, 02:00 becomes 03:00: there is no 02:30."""
    made = daily_rates(bands(("02:30", "12:00", "0.10"), ("12:00", "02:30", "0.20")), 1, BERLIN)
    assert made.next_switch(ms(2026, 3, 29, 1, 0)) == ms(2026, 3, 29, 3, 0)


def test_a_switch_in_the_hour_that_comes_twice_is_made_twice():
    """25 October 2026, 03:00 becomes 02:00: 02:30 comes twice, and in between the clock shows 02:00 again."""
    made = daily_rates(bands(("02:30", "12:00", "0.10"), ("12:00", "02:30", "0.20")), 1, BERLIN)
    first = ms(2026, 10, 25, 2, 30)
    again = ms(2026, 10, 25, 2, 0, fold=1)
    second = ms(2026, 10, 25, 2, 30, fold=1)
    assert made.next_switch(first - 1) == first
    assert made.next_switch(first) == again
    assert made.next_switch(again) == second


def test_a_price_that_never_changes_has_no_switch():
    made = daily_rates(bands(("00:00", "12:00", "0.10"), ("12:00", "24:00", "0.10")), 1, BERLIN)
    assert made.next_switch(ms(2026, 1, 15, 0)) is None


@settings(max_examples=100, deadline=None)
@given(st.integers(1_767_225_600_000, 1_798_761_600_000), st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kathmandu")))
def test_between_now_and_the_next_switch_the_price_stays(at_ms, zone):
    made = tariff(ZoneInfo(zone))
    switch = made.next_switch(at_ms)
    assert switch > at_ms
    assert made.rate_at(switch) != made.rate_at(at_ms) == made.rate_at(switch - 1)
    assert made.rate_at((at_ms + switch) // 2) == made.rate_at(at_ms)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("00:00", "20:00", "0.1")], "20:00 has no price"),
        ([("01:00", "24:00", "0.1")], "00:00 has no price"),
        ([("00:00", "20:00", "0.1"), ("19:00", "24:00", "0.2")], "19:00 has two prices"),
        ([("00:00", "20:00", "0.1"), ("21:00", "24:00", "0.2")], "20:00 has no price"),
        ([("00:00", "25:00", "0.1")], "is not a time of day"),
        ([("00:00", "24:30", "0.1")], "is not a time of day"),
        ([("8:00", "24:00", "0.1")], "is not a time of day"),
        ([("08:00", "08:00", "0.1")], "no time at all"),
    ],
)
def test_bands_that_do_not_fill_the_day_once(rows, told):
    with pytest.raises(ValueError, match=told):
        daily_rates(bands(*rows), 1, BERLIN)


TEXT = """
version = "1"
currency = "EUR"
time_zone = "Europe/Berlin"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[offers.shop]
[[offers.shop.groups]]
rating_groups = [10]
prices = [{from = "06:00", to = "20:00", price = "0.10"}, {from = "20:00", to = "06:00", price = "0.20"}]
per = "1 MB"
quota = "data"
"""


def test_a_file_with_prices_by_the_hour():
    rule = parse_catalogue(TEXT, "shop.toml").offers["shop"].rule_for(10, ())
    assert rule.daily == DailyRates(BERLIN, (0, 360, 1200), (NIGHT, DAY, NIGHT))
    assert rule.rate == NIGHT


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Europe/Berlin", "Europe/Nowhere", "not a time zone"),
        ("Europe/Berlin", "../etc/passwd", "not a time zone"),
        ('per = "1 MB"', 'price = "0.1"\nper = "1 MB"', "without price"),
        ('per = "1 MB"', "", "prices come with per"),
        ('per = "1 MB"', 'per = "1 MB"\ntreatment = "free"', "has no price"),
        ('to = "20:00"', 'to = "19:00"', "19:00 has no price"),
    ],
)
def test_mistakes(old, new, told):
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(TEXT.replace(old, new, 1), "shop.toml")
    assert any(told in line for line in caught.value.problems), caught.value.problems
