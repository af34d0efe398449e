"""Prices and units are two sides of one coin, and slicing never changes a bill."""

from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.rating.rate import CallTerms, Rate, price_of, price_of_report, units_affordable

calls = st.builds(CallTerms, st.integers(0, 10**6), st.integers(1, 10**4), st.integers(1, 10**4), st.integers(0, 10**7))
rates = st.builds(Rate, st.integers(1, 10**7), st.integers(0, 10**6), st.one_of(st.none(), calls))
units = st.integers(0, 10**10)


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
        assert price_of_report(rate, before, got + 1) > amount


@given(rates, units, st.integers(-(10**12), -1), units)
def test_debt_buys_nothing_but_what_is_paid_already(rate, before, debt, wanted):
    assert units_affordable(rate, before, debt, wanted) == units_affordable(rate, before, 0, wanted)
