"""Prices and units are two sides of one coin, and slicing never changes a bill."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.rating.rate import CallTerms, Rate, cheaper_beyond, price_of, price_of_report, units_affordable
from diameter_ocs.rating.special_terms import SpecialTerms, Tier
from diameter_ocs.values.money import Rounding

LARGEST = 2**63 - 1
tiers = st.dictionaries(st.integers(1, 10**9), st.integers(0, 10**6), max_size=4).map(
    lambda found: (Tier(0, 500), *(Tier(*tier) for tier in sorted(found.items()))) if found else ()
)
specials = st.builds(
    SpecialTerms,
    st.integers(0, 10**4),
    st.one_of(st.none(), st.integers(10**7, 10**9)),
    tiers,
    st.booleans(),
    st.sampled_from(Rounding),
    st.sampled_from((1, 7, 10_000, 1_000_000)),
)
steps, micros = st.integers(1, 10**4), st.integers(0, 10**6)


def rates_with(special_terms):
    calls = st.builds(CallTerms, micros, steps, steps, st.integers(0, 10**7), special_terms)
    return st.builds(Rate, st.integers(1, 10**7), micros, calls).filter(lambda rate: cheaper_beyond(rate) is None)


special_rates = rates_with(specials)
rates = st.one_of(st.builds(Rate, st.integers(1, 10**7), micros), rates_with(st.none()), special_rates)
units = st.one_of(st.integers(0, 10**10), st.integers(0, LARGEST))


def special(*, first=1, after=1, connect=0, minimum=0, step=1, price=0, **terms):
    return Rate(step, price, CallTerms(connect, first, after, minimum, SpecialTerms(**terms)))


def test_a_started_step_is_paid_whole():
    rate = Rate(1_000_000, 20_000)
    assert [price_of(rate, used) for used in (0, 1, 1_000_000, 1_000_001)] == [0, 20_000, 20_000, 40_000]


def test_the_rest_of_a_paid_step_is_free():
    rate = Rate(1_000_000, 20_000)
    assert price_of_report(rate, 1, 999_999) == 0
    assert units_affordable(rate, 1, 0, 5_000_000) == 999_999


def test_a_call_of_60_and_1():
    """0.09 a minute, the first one whole, the others by the second, 0.05 to set it up."""
    rate = Rate(60, 90_000, CallTerms(50_000, 60, 1))
    assert [price_of(rate, used) for used in (0, 1, 60, 61, 120)] == [0, 140_000, 140_000, 141_500, 230_000]
    assert [units_affordable(rate, 0, amount, 1000) for amount in (139_999, 140_000, 141_499, 141_500)] == [
        0,
        60,
        60,
        61,
    ]
    assert units_affordable(rate, 1, 0, 1000) == 59


def test_a_part_of_a_step_is_rounded_up_once():
    """0.10 a minute by the second: a third of a second's price is never lost nor charged thrice."""
    rate = Rate(60, 100_000, CallTerms(0, 1, 1))
    assert [price_of(rate, used) for used in (1, 2, 3, 60)] == [1667, 3334, 5000, 100_000]


def test_a_minimum_charge():
    rate = Rate(60, 60_000, CallTerms(0, 1, 1, minimum_micros=20_000))
    assert [price_of(rate, used) for used in (0, 1, 20, 21)] == [0, 20_000, 20_000, 21_000]
    assert units_affordable(rate, 0, 19_999, 100) == 0
    assert units_affordable(rate, 0, 20_000, 100) == 20


def test_each_unit_costs_what_its_tier_says():
    rate = special(tiers=(Tier(0, 100), Tier(10, 50), Tier(20, 10)))
    assert [price_of(rate, used) for used in (0, 1, 10, 11, 20, 21, 30)] == [0, 100, 1000, 1050, 1500, 1510, 1600]
    assert price_of_report(rate, 5, 10) == 500 + 250
    assert [units_affordable(rate, 0, amount, 99) for amount in (99, 100, 1049, 1050, 1509, 1510)] == [
        0,
        1,
        10,
        11,
        20,
        21,
    ]


def test_the_price_of_the_last_tier_for_all():
    """Volume pricing with prices that rise; one more unit never makes the whole cheaper."""
    rate = special(tiers=(Tier(0, 100), Tier(10, 200)), is_whole=True)
    assert [price_of(rate, used) for used in (1, 10, 11)] == [100, 1000, 2200]
    assert cheaper_beyond(rate) is None
    assert cheaper_beyond(special(tiers=(Tier(0, 100), Tier(10, 50)), is_whole=True)) == 10
    assert cheaper_beyond(special(tiers=(Tier(0, 100), Tier(10, 50)), is_whole=True, maximum_micros=500)) is None
    assert cheaper_beyond(special(tiers=(Tier(0, 100), Tier(10, 50)), is_whole=True, first=7, after=7)) is None


def test_tiers_count_started_steps():
    """In steps of 10 the eleventh unit is charged as the twentieth; 5 of those twenty are in the dearer tier."""
    rate = special(first=10, after=10, step=10, tiers=(Tier(0, 10), Tier(15, 100)))
    assert [price_of(rate, used) for used in (10, 11, 20)] == [10, 15 + 50, 15 + 50]


def test_a_call_has_a_highest_price():
    rate = special(step=60, price=100_000, connect=50_000, maximum_micros=500_000)
    assert [price_of(rate, seconds) for seconds in (60, 269, 270, 271, 9999)] == [
        150_000,
        498_334,
        500_000,
        500_000,
        500_000,
    ]
    assert units_affordable(rate, 0, 500_000, LARGEST) == LARGEST
    assert units_affordable(rate, 0, 499_999, LARGEST) == 269


def test_a_call_that_was_cut_off_costs_nothing():
    rate = special(first=60, step=60, price=60_000, free_below_units=3)
    assert [price_of(rate, seconds) for seconds in (0, 2, 3, 60, 61)] == [0, 0, 60_000, 60_000, 61_000]
    assert price_of_report(rate, 2, 1) == 60_000


def test_free_seconds_are_no_credit():
    """Who cannot pay the first charged second is granted none that would be free."""
    rate = special(first=60, step=60, price=60_000, free_below_units=3)
    assert [units_affordable(rate, 0, amount, wanted) for amount, wanted in ((59_999, 90), (59_999, 2))] == [0, 0]
    assert [units_affordable(rate, 0, amount, wanted) for amount, wanted in ((60_000, 90), (60_000, 2))] == [60, 2]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.UP, [10_000, 10_000, 20_000, 20_000, 20_000]),
        (Rounding.DOWN, [0, 10_000, 10_000, 10_000, 20_000]),
        (Rounding.HALF_UP, [0, 10_000, 10_000, 20_000, 20_000]),
    ],
)
def test_rounding_of_the_amount(rounding, expected):
    rate = special(step=10, price=10_000, rounding=rounding, round_to_micros=10_000)
    assert [price_of(rate, units) for units in (4, 10, 14, 15, 20)] == expected


def test_rounding_knows_parts_of_a_micro_unit():
    """A third of a micro-unit is no whole one, whichever way it goes."""
    assert [price_of(special(step=3, price=1, rounding=way), 1) for way in Rounding] == [1, 0, 0]
    assert price_of(special(step=3, price=1, connect=1, rounding=Rounding.HALF_UP), 2) == 2


@given(special_rates, units)
def test_a_price_is_that_of_its_tiers(rate, used):
    """The same as adding up tier by tier, in fractions."""
    call, terms = rate.call, rate.call.special
    billed, amount = call.billed_units(used), Fraction(call.connect_micros)
    bounds = [*(tier.above_units for tier in terms.tiers[1:]), max(billed, 10**20)]
    for tier, end in zip(terms.tiers or (Tier(0, rate.step_micros),), bounds, strict=True):
        reached = min(billed, end) - tier.above_units
        if not (terms.is_whole and terms.tiers):
            amount += Fraction(max(reached, 0) * tier.step_micros, rate.step_units)
        elif reached > 0:
            amount = call.connect_micros + Fraction(billed * tier.step_micros, rate.step_units)
    steps_of_amount = amount / terms.round_to_micros
    ways = {Rounding.UP: ceil, Rounding.DOWN: floor, Rounding.HALF_UP: lambda exact: floor(exact + Fraction(1, 2))}
    rounded = ways[terms.rounding](steps_of_amount) * terms.round_to_micros
    expected = max(rounded, call.minimum_micros)
    if terms.maximum_micros is not None:
        expected = min(expected, terms.maximum_micros)
    assert price_of(rate, used) == (expected if used >= max(terms.free_below_units, 1) else 0)


@given(rates)
def test_nothing_costs_nothing(rate):
    assert price_of(rate, 0) == 0


@given(rates, st.lists(st.integers(0, 10**8), max_size=20))
def test_usage_costs_the_same_however_it_is_reported(rate, reports):
    priced = charged = 0
    for used in reports:
        charged += price_of_report(rate, priced, used)
        priced += used
    assert charged == price_of(rate, priced)


@given(rates, units, units, units)
def test_more_usage_never_costs_less(rate, before, some, more):
    assert price_of_report(rate, before, some + more) >= price_of_report(rate, before, some) >= 0


@given(rates, units, st.integers(0, 10**12), units)
def test_affordable_units_are_paid_for_and_one_more_is_not(rate, before, amount, wanted):
    got = units_affordable(rate, before, amount, wanted)
    assert 0 <= got <= wanted
    assert price_of_report(rate, before, got) <= amount
    if got < wanted:
        assert price_of_report(rate, before, max(got + 1, first_charged(rate) - before)) > amount


def first_charged(rate):
    """Units below which a session costs nothing: they are no credit of their own."""
    return rate.call.special.free_below_units if rate.call is not None and rate.call.special is not None else 0


@given(rates, units, st.integers(-(10**12), -1), units)
def test_debt_buys_nothing_but_what_is_paid_already(rate, before, debt, wanted):
    assert units_affordable(rate, before, debt, wanted) == units_affordable(rate, before, 0, wanted)
