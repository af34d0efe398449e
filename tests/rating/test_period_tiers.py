"""Tiers that go on from session to session."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.period_tiers import moved
from diameter_ocs.rating.periods import PeriodLength, PeriodUnit
from diameter_ocs.rating.rate import CallTerms, Rate, price_of, price_of_report
from diameter_ocs.rating.special_terms import SpecialTerms, Tier
from tests.rating.test_tariffs_file import TEXT

tiers = st.dictionaries(st.integers(1, 300), st.integers(0, 100), max_size=4).map(
    lambda found: (Tier(0, 50), *(Tier(*tier) for tier in sorted(found.items())))
)
rates = tiers.map(lambda found: Rate(1, found[0].step_micros, CallTerms(0, 1, 1, 0, SpecialTerms(tiers=found))))
units = st.integers(0, 400)


@given(rates, units, units)
def test_a_session_begins_where_the_period_is(rate, used, more):
    assert price_of(moved(rate, used), more) == price_of(rate, used + more) - price_of(rate, used)


@given(rates, units, units, units)
def test_a_period_begins_within_a_session(rate, paid, used, more):
    """Of `paid` units of the session only the last `used` are of this period."""
    used = min(used, paid)
    session = moved(rate, used - paid)
    assert price_of_report(session, paid, more) == price_of(rate, used + more) - price_of(rate, used)


@given(rates, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=20))
def test_parallel_sessions_cost_what_one_would(rate, reports):
    """Whichever session reports, each unit costs what the tier of the period says."""
    paid, count, charged = [0, 0, 0], 0, 0
    for session, more in reports:
        charged += price_of_report(moved(rate, count - paid[session]), paid[session], more)
        paid[session] += more
        count += more
    assert charged == price_of(rate, count)


def test_a_rate_without_tiers_does_not_move():
    assert moved(Rate(10, 5), 100) == Rate(10, 5)


def test_the_counter_of_a_tariff():
    text = TEXT.replace(
        '[tariffs.volume]\nper = "1 MB"', '[tariffs.volume]\nper = "1 MB"\ntiers_per = "calendar month"'
    )
    rule = parse_catalogue(text, "shop.toml").offers["shop"].rule_for(30, ())
    counter = rule.chooser.counter
    month = PeriodLength(1, PeriodUnit.MONTH, is_calendar=True)
    assert (counter.name, counter.length, counter.zone) == ("volume", month, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[tariffs.volume]\n", '[tariffs.volume]\ntiers_per = "moon"\n', "volume.tiers_per — 'moon' is not a period"),
        ('per = "60 s"', 'per = "60 s"\ntiers_per = "1 month"', "is said of tiers, and there are none"),
        ("[tariffs.volume]\n", '[tariffs.volume]\ntiers_per = "1 day"\nwhole = true\n', "is for tiers of a session"),
    ],
)
def test_mistakes(old, new, told):
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(TEXT.replace(old, new, 1), "shop.toml")
    assert any(told in line for line in caught.value.problems), caught.value.problems
