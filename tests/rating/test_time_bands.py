"""Bands of time: what a person says who looks at clock and calendar, also while clocks are put forward or back."""

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.time_bands import TimeBand
from tests.support.cli import ROOT
from tests.support.wall_clock import DAYS, HOLIDAYS, MINUTE_MS, ZONES, Band, clock_changes
from tests.support.wall_clock import first_of as reference

BERLIN = ZoneInfo("Europe/Berlin")
TEXT = f"""
version = "1"
currency = "EUR"
time_zone = "Europe/Berlin"
[calendars.holidays]
dates = {list(HOLIDAYS["dates"])}
yearly = {list(HOLIDAYS["yearly"])}
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[offers.shop]
[[offers.shop.groups]]
rating_groups = [10]
price = "0.03"
per = "1 MB"
quota = "data"
"""
NIGHT = Band(days=("fri", "sat"), begins="22:00", ends="06:00")
OFFICE = Band(days=DAYS[:5], left_out=("holidays",), begins="08:30", ends="17:00")
FREE_DAYS = Band(days=("sun", "holidays"))
SMALL_HOURS = Band(begins="01:30", ends="02:30")


def made(*bands: Band) -> list[TimeBand]:
    tables = "".join(f"[bands.b{place}]\n{band.toml()}" for place, band in enumerate(bands))
    return list(parse_catalogue(TEXT + tables, "shop.toml").bands.values())


def problems(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(TEXT + text, "shop.toml")
    return caught.value.problems


@pytest.mark.parametrize("name", ZONES)
def test_every_minute_around_every_change_of_the_clocks(name):
    zone, written = ZoneInfo(name), (NIGHT, OFFICE, FREE_DAYS, SMALL_HOURS)
    bands = made(*written)
    nights = list(clock_changes(zone, 2026, 2027)) or [1_798_761_600_000]
    for night in nights:
        for at_ms in range(night - 1500 * MINUTE_MS, night + 1500 * MINUTE_MS, MINUTE_MS):
            for band, plain in zip(bands, written, strict=True):
                assert band.holds(at_ms, zone) == (reference([plain], at_ms, zone) == 0), (at_ms, plain)


@pytest.mark.parametrize("name", ZONES)
def test_the_next_change_is_the_first_minute_that_differs(name):
    """Through the nights around every change of the clocks: nothing changes before it, and it does change then."""
    zone, written = ZoneInfo(name), (NIGHT, OFFICE, FREE_DAYS, SMALL_HOURS)
    bands = made(*written)
    for night in clock_changes(zone, 2026, 2027):
        minutes = range(night - 1500 * MINUTE_MS, night + 1500 * MINUTE_MS, MINUTE_MS)
        for band, plain in zip(bands, written, strict=True):
            held = [reference([plain], at_ms, zone) for at_ms in minutes]
            expected = [at for at, now, then in zip(minutes[1:], held, held[1:], strict=False) if now != then]
            found, at_ms = [], minutes[0]
            while (change := band.next_change(at_ms, zone, minutes[-1] + 1)) is not None:
                assert band.next_change(change - 1, zone) == change
                found.append(change)
                at_ms = change
            assert found == expected


times = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")
written_bands = st.builds(
    Band,
    st.lists(st.sampled_from((*DAYS, "holidays")), min_size=1, max_size=5).map(tuple),
    st.just(()) | st.just(("holidays",)),
    times,
    times | st.just("24:00"),
).filter(lambda band: band.begins != band.ends and band.days != ("holidays",) * len(band.days))


@settings(max_examples=200, deadline=None)
@given(written_bands, st.sampled_from(ZONES), st.lists(st.integers(1_577_836_800, 2_145_916_800), min_size=1))
def test_any_band_at_any_instant(written, name, seconds):
    (band,), zone = made(written), ZoneInfo(name)
    for second in seconds:
        at_ms = second * 1000
        holds = band.holds(at_ms, zone)
        assert holds == (reference([written], at_ms, zone) == 0)
        change = band.next_change(at_ms, zone)
        assert change is not None
        assert band.holds(change, zone) != holds == band.holds(change - 1, zone)
        assert band.next_change(at_ms, zone, change) is None
        assert band.next_change(at_ms, zone, change + 1) == change


def test_over_midnight_a_band_belongs_to_the_day_on_which_it_begins():
    (band,) = made(Band(days=("sat",), begins="22:00", ends="06:00"))
    saturday = 1_767_394_800_000  # 3 January 2026, 00:00 in Berlin
    hours = [hour for hour in range(-24, 72) if band.holds(saturday + hour * 60 * MINUTE_MS, BERLIN)]
    assert hours == [22, 23, 24, 25, 26, 27, 28, 29]


def test_a_band_that_always_holds_never_changes():
    (band,) = made(Band())
    assert band.holds(0, BERLIN)
    assert band.next_change(0, BERLIN) is None


def test_a_leap_day_is_eight_years_away_at_most():
    (band,) = parse_catalogue(
        TEXT + "[calendars.leap]\nyearly = ['02-29']\n[bands.leap]\ndays = ['leap']", "x"
    ).bands.values()
    assert band.next_change(4_107_628_800_000, ZoneInfo("UTC")) == 4_233_686_400_000  # 2100-03-01, 2104-02-29


def test_a_band_of_one_day_far_ahead():
    text = "[calendars.jubilee]\ndates = ['2040-05-05']\n[bands.jubilee]\ndays = ['jubilee']\nexcept = ['sun']"
    (band,) = parse_catalogue(TEXT + text, "x").bands.values()
    at_ms = 2_220_000_000_000  # 7 May 2040
    assert not band.holds(at_ms, BERLIN)
    assert band.holds(at_ms - 2 * 24 * 60 * MINUTE_MS, BERLIN)


def test_the_examples_of_the_documentation():
    page = (ROOT / "docs" / "catalogue.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (bands,) = [block for block in blocks if "[bands.night]" in block]
    (prices,) = [block for block in blocks if block.startswith("prices = ")]
    text = TEXT.replace('price = "0.03"\nper = "1 MB"\n', prices) + bands.replace(
        "[calendars.holidays]", "[calendars.more]"
    )
    catalogue = parse_catalogue(text, "catalogue.md")
    assert list(catalogue.bands) == ["night", "free_days", "office"]
    assert catalogue.offers["shop"].rule_for(10, ()).timed.bands == (
        catalogue.bands["free_days"],
        catalogue.bands["night"],
    )


def test_days_of_a_calendar_that_are_over_never_come_again():
    text = "[calendars.past]\ndates = [2020-01-01]\n[bands.past]\ndays = ['past']"
    (band,) = parse_catalogue(TEXT + text, "x").bands.values()
    assert band.next_change(1_767_394_800_000, BERLIN) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[bands.b]\nfrom = '8:00'", "bands.b.from — '8:00' is not a time of day such as '20:00', at most '24:00'"),
        ("[bands.b]\nfrom = '24:00'", "bands.b.from — '24:00' is the end of a day: begin at '00:00'"),
        ("[bands.b]\nuntil = '24:01'", "bands.b.until — '24:01' is not a time of day"),
        ("[bands.b]\nuntil = 24", "bands.b.until — 24 is not a time of day"),
        ("[bands.b]\nfrom = '08:00'\nuntil = '08:00'", "bands.b.until — is when it begins, so the band never holds"),
        ("[bands.b]\ndays = []", "bands.b — never holds: no day is left"),
        ("[bands.b]\ndays = ['sat']\nexcept = ['sat']", "bands.b — never holds: no day is left"),
        (
            "[bands.b]\ndays = ['holiday']",
            "bands.b.days — 'holiday' is no day of the week and no [calendars.holiday]; did you mean 'holidays'?",
        ),
        ("[bands.b]\nexcept = ['xyz']", "bands.b.except — 'xyz' is no day of the week"),
        ("[bands.b]\nfrm = '08:00'", "bands.b.frm — is no key here — did you mean 'from'?"),
        ("[calendars.mon]\nyearly = ['12-25']", "calendars.mon — 'mon' is a day of the week"),
        ("[calendars.none]", "calendars.none — has no days"),
        (
            "[calendars.c]\ndates = ['2027-02-29']",
            "calendars.c.dates.0 — '2027-02-29' is not a date such as '2027-01-01'",
        ),
        ("[calendars.c]\ndates = ['20270101']", "calendars.c.dates.0 — '20270101' is not a date"),
        ("[calendars.c]\ndates = ['2027-W01-1']", "calendars.c.dates.0 — '2027-W01-1' is not a date"),
        ("[calendars.c]\ndates = [5]", "calendars.c.dates.0 — 5 is not a date"),
        (
            "[calendars.c]\nyearly = ['02-30']",
            "calendars.c.yearly.0 — '02-30' is not a month and a day such as '12-25'",
        ),
        ("[calendars.c]\nyearly = ['W01-1']", "calendars.c.yearly.0 — 'W01-1' is not a month and a day"),
        ("[calendars.c]\nyearly = ['1225']", "calendars.c.yearly.0 — '1225' is not a month and a day"),
        ("[calendars.c]\nyearly = [12]", "calendars.c.yearly.0 — 12 is not a month and a day"),
        ("[calendars.c]\nyear = ['12-25']", "calendars.c.year — is no key here — did you mean 'yearly'?"),
    ],
)
def test_mistakes(text, told):
    found = problems(text)
    assert any(told in line for line in found), found
