"""Prices by day and time: exact at the boundary, right through summer time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.rate import Rate
from tests.support.wall_clock import DAYS, HOLIDAYS, MINUTE_MS, ZONES, Band, clock_changes, first_of

BERLIN = ZoneInfo("Europe/Berlin")
DAY, NIGHT = Rate(1_000_000, 100_000), Rate(1_000_000, 200_000)
TEXT = f"""
version = "1"
currency = "EUR"
time_zone = "Europe/Berlin"
[calendars.holidays]
dates = {list(HOLIDAYS["dates"])}
yearly = {list(HOLIDAYS["yearly"])}
[bands.night]
from = "20:00"
until = "06:00"
[bands.weekend]
days = ["sat", "sun"]
[bands.workdays]
days = ["mon", "tue", "wed", "thu", "fri"]
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[offers.shop]
[[offers.shop.groups]]
rating_groups = [10]
prices = [{{from = "06:00", until = "20:00", price = "0.10"}}, {{from = "20:00", to = "06:00", price = "0.20"}}]
per = "1 MB"
quota = "data"
"""
PRICES = TEXT[TEXT.index("prices = ") : TEXT.index("per = ")]


def rates(prices, text=TEXT):
    """The prices of the group when the catalogue says `prices`."""
    return parse_catalogue(text.replace(PRICES, f"{prices}\n"), "shop.toml").offers["shop"].rule_for(10, ()).timed


def daily(*rows):
    each = ", ".join(f'{{from = "{begins}", until = "{ends}", price = "{price}"}}' for begins, ends, price in rows)
    return rates(f"prices = [{each}]")


def ms(*parts, zone=BERLIN, fold=0):
    return int(datetime(*parts, tzinfo=zone, fold=fold).timestamp()) * 1000


def test_the_boundary_is_exact():
    tariff, switch = rates(PRICES), ms(2026, 1, 15, 20, 0)
    assert tariff.rate_at(switch - 1, BERLIN) == DAY
    assert tariff.rate_at(switch, BERLIN) == NIGHT
    assert tariff.next_switch(switch - 1, BERLIN) == switch
    assert tariff.next_switch(switch - 1, BERLIN, switch) is None
    assert tariff.next_switch(switch, BERLIN) == ms(2026, 1, 16, 6, 0)
    assert tariff.dearest == NIGHT


def test_summer_time_moves_the_switch_in_utc():
    tariff = rates(PRICES)
    winter = tariff.next_switch(ms(2026, 1, 15, 12), BERLIN)
    summer = tariff.next_switch(ms(2026, 7, 15, 12), BERLIN)
    assert datetime.fromtimestamp(winter / 1000, UTC).hour == 19
    assert datetime.fromtimestamp(summer / 1000, UTC).hour == 18


def test_a_switch_in_the_hour_that_is_left_out_comes_when_the_clock_jumps():
    """29 March 2026, 02:00 becomes 03:00: there is no 02:30."""
    made = daily(("02:30", "12:00", "0.10"), ("12:00", "02:30", "0.20"))
    assert made.next_switch(ms(2026, 3, 29, 1, 0), BERLIN) == ms(2026, 3, 29, 3, 0)


def test_a_switch_in_the_hour_that_comes_twice_is_made_twice():
    """25 October 2026, 03:00 becomes 02:00: 02:30 comes twice, and in between the clock shows 02:00 again."""
    made = daily(("02:30", "12:00", "0.10"), ("12:00", "02:30", "0.20"))
    first = ms(2026, 10, 25, 2, 30)
    again = ms(2026, 10, 25, 2, 0, fold=1)
    second = ms(2026, 10, 25, 2, 30, fold=1)
    assert made.next_switch(first - 1, BERLIN) == first
    assert made.next_switch(first, BERLIN) == again
    assert made.next_switch(again, BERLIN) == second


def test_a_price_that_never_changes_has_no_switch():
    made = daily(("00:00", "12:00", "0.10"), ("12:00", "24:00", "0.10"))
    assert made.next_switch(ms(2026, 1, 15, 0), BERLIN) is None


def test_from_one_band_to_another_of_the_same_price_nothing_changes():
    made = daily(("00:00", "12:00", "0.10"), ("12:00", "18:00", "0.10"), ("18:00", "24:00", "0.20"))
    assert made.next_switch(ms(2026, 1, 15, 0), BERLIN) == ms(2026, 1, 15, 18)


def test_the_first_band_that_holds_wins_and_price_is_the_price_otherwise():
    made = rates("""prices = [{band = "weekend", price = "0.01"}, {band = "night", price = "0.02"}]
price = "0.03"
""")
    for day, hour, price in [(16, 12, 30), (16, 20, 20), (17, 0, 10), (18, 23, 10), (19, 0, 20), (19, 6, 30)]:
        assert made.rate_at(ms(2026, 1, day, hour), BERLIN) == Rate(1_000_000, price * 1000), (day, hour)
    assert made.dearest == Rate(1_000_000, 30_000)


def test_bands_of_the_week_may_fill_all_time_without_price():
    made = rates('prices = [{band = "weekend", price = "0.01"}, {band = "workdays", price = "0.02"}]')
    assert made.next_switch(ms(2026, 1, 16, 12), BERLIN) == ms(2026, 1, 17, 0)
    assert made.next_switch(ms(2026, 1, 17, 0), BERLIN) == ms(2026, 1, 19, 0)


def test_a_band_may_stand_before_the_times_of_every_day():
    made = rates("prices = [{band = 'weekend', price = '0.01'}, " + PRICES.removeprefix("prices = ["))
    assert made.rate_at(ms(2026, 1, 17, 21), BERLIN) == Rate(1_000_000, 10_000)
    assert made.rate_at(ms(2026, 1, 16, 21), BERLIN) == NIGHT


@settings(max_examples=100, deadline=None)
@given(st.integers(1_767_225_600_000, 1_798_761_600_000), st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kathmandu")))
def test_between_now_and_the_next_switch_the_price_stays(at_ms, name):
    made, zone = rates(PRICES), ZoneInfo(name)
    switch = made.next_switch(at_ms, zone)
    assert switch > at_ms
    assert made.rate_at(switch, zone) != made.rate_at(at_ms, zone) == made.rate_at(switch - 1, zone)
    assert made.rate_at((at_ms + switch) // 2, zone) == made.rate_at(at_ms, zone)


times = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
days = st.lists(st.sampled_from((*DAYS, "holidays")), min_size=1, max_size=4).map(tuple)
written = st.lists(
    st.builds(Band, days, st.just(()), times, times).filter(lambda band: band.begins != band.ends),
    min_size=1,
    max_size=4,
)


def priced(bands):
    """Bands with the prices 0.01, 0.02 ... and 0.05 otherwise; None when some price never has its turn."""
    tables = "".join(f"[bands.b{place}]\n{band.toml()}" for place, band in enumerate(bands))
    each = ", ".join(f'{{band = "b{place}", price = "0.0{place + 1}"}}' for place in range(len(bands)))
    try:
        return rates(f'prices = [{each}]\nprice = "0.05"', TEXT + tables)
    except ConfigurationError as error:
        if all("never holds" in line or "leave price no time" in line for line in error.problems):
            return None
        raise


def micros_of(bands, place):
    return 50_000 if place == len(bands) else (place + 1) * 10_000


@settings(max_examples=150, deadline=None)
@given(written, st.sampled_from(ZONES), st.lists(st.integers(1_577_836_800, 2_145_916_800), min_size=1, max_size=20))
def test_every_instant_costs_what_clock_and_calendar_say(bands, name, seconds):
    made, zone = priced(bands), ZoneInfo(name)
    for second in seconds if made is not None else ():
        expected = micros_of(bands, first_of(bands, second * 1000, zone))
        assert made.rate_at(second * 1000, zone).step_micros == expected


NIGHTS = {name: list(clock_changes(ZoneInfo(name), 2026, 2028)) or [1_798_761_600_000] for name in ZONES}
"""Hours within which clocks change."""


@settings(max_examples=25, deadline=None)
@given(written, st.sampled_from(ZONES), st.data())
def test_minute_by_minute_through_the_nights_when_clocks_change(bands, name, data):
    made, zone = priced(bands), ZoneInfo(name)
    night = data.draw(st.sampled_from(NIGHTS[name]))
    minutes = range(night - 1000 * MINUTE_MS, night + 1000 * MINUTE_MS, MINUTE_MS)
    switch, after = None, None
    for at_ms in reversed(minutes) if made is not None else ():
        expected = micros_of(bands, first_of(bands, at_ms, zone))
        if after is not None and expected != after:
            switch = at_ms + MINUTE_MS
        assert made.rate_at(at_ms, zone).step_micros == expected
        assert made.next_switch(at_ms, zone, minutes.stop) == switch
        after = expected


def test_a_subscriber_with_a_zone_of_its_own():
    follows = rates(PRICES, TEXT.replace('per = "1 MB"', 'per = "1 MB"\ntime_zone = "subscriber"'))
    assert follows.zone_for("Asia/Tokyo") == ZoneInfo("Asia/Tokyo")
    assert follows.zone_for("") == BERLIN
    assert follows.zone_for("Moon/Tranquility") == BERLIN
    assert rates(PRICES).zone_for("Asia/Tokyo") == BERLIN
    offer = rates(PRICES, TEXT.replace("[offers.shop]", '[offers.shop]\ntime_zone = "subscriber"'))
    assert offer.zone_for("Asia/Tokyo") == ZoneInfo("Asia/Tokyo")


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
    with pytest.raises(ConfigurationError, match=told):
        daily(*rows)


def test_a_file_with_prices_by_the_hour():
    rule = parse_catalogue(TEXT, "shop.toml").offers["shop"].rule_for(10, ())
    assert rule.timed.on_day(0) == [(0, NIGHT), (360, DAY), (1200, NIGHT)]
    assert rule.timed.zone == BERLIN
    assert rule.rate == NIGHT


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Europe/Berlin", "Europe/Nowhere", "not a time zone"),
        ("Europe/Berlin", "../etc/passwd", "not a time zone"),
        ('per = "1 MB"', 'price = "0.1"\nper = "1 MB"', "without price"),
        ('per = "1 MB"', "", "prices come with per"),
        ('per = "1 MB"', 'per = "1 MB"\ntreatment = "free"', "has no price"),
        ('until = "20:00"', 'until = "19:00"', "19:00 has no price"),
        ('from = "06:00", ', "", "prices.0 — a price has a band, or from and until"),
        ('from = "06:00"', 'band = "night", from = "06:00"', "prices.0 — a price has a band, or from and until: the"),
        ('from = "06:00"', 'bond = "night", from = "06:00"', "prices.0.bond — is no key here — did you mean 'band'?"),
        (
            PRICES,
            'prices = [{band = "nihgt", price = "1"}]\nprice = "2"\n',
            "prices.0 — there is no [bands.nihgt]; did",
        ),
        ('until = "20:00"', 'untill = "20:00"', "did you mean 'until'?"),
        (PRICES, 'prices = [{band = "weekend", price = "1"}]\n', "Monday 00:00 has no price"),
        (PRICES, 'prices = [{band = "night", price = "1"}]\n', "06:00 has no price"),
        ("prices = [", 'prices = [{band = "night", price = "1"}, ', "prices.2 — never holds: those before it"),
        (PRICES, "", "price and per belong together"),
        (PRICES, 'price = "0.1"\ntime_zone = "subscriber"\n', "time_zone — belongs to prices"),
    ],
)
def test_mistakes(old, new, told):
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(TEXT.replace(old, new, 1), "shop.toml")
    assert any(told in line for line in caught.value.problems), caught.value.problems
