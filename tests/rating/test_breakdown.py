"""The lines of a price add up to it, and say what a customer was told in the price list."""

from hypothesis import given

from diameter_ocs.rating.breakdown import Line, lines_of, lines_of_total
from diameter_ocs.rating.rate import CallTerms, Rate, price_of, price_of_report
from diameter_ocs.rating.special_terms import SpecialTerms, Tier
from diameter_ocs.values.money import Rounding
from tests.rating.test_rate import rates, units


def told(lines: list[Line]) -> list[tuple[str, int, int]]:
    return [(line.kind, line.units, line.amount) for line in lines]


@given(rates, units, units)
def test_lines_add_up_to_the_price(rate, before, used):
    assert sum(line.amount for line in lines_of_total(rate, used)) == price_of(rate, used)
    assert sum(line.amount for line in lines_of(rate, before, used)) == price_of_report(rate, before, used)


def test_steps_that_were_started():
    per_mb = Rate(1_000_000, 20_000)
    assert told(lines_of(per_mb, 0, 1_500_000)) == [("steps", 2_000_000, 40_000)]
    assert told(lines_of(per_mb, 1_500_000, 500_000)) == []
    assert told(lines_of(per_mb, 1_500_000, 500_001)) == [("steps", 1_000_000, 20_000)]


def test_a_call_of_60_and_1_with_a_connect_fee():
    rate = Rate(60, 90_000, CallTerms(50_000, 60, 1))
    expected = [("connect fee", 0, 50_000), ("first step", 60, 90_000), ("next steps", 30, 45_000)]
    assert told(lines_of(rate, 0, 90)) == expected
    assert told(lines_of(rate, 90, 10)) == [("next steps", 10, 15_000)]


def test_a_minimum_and_a_maximum():
    rate = Rate(1, 1_000, CallTerms(0, 1, 1, 20_000, SpecialTerms(maximum_micros=50_000)))
    assert told(lines_of(rate, 0, 5)) == [("steps", 5, 5_000), ("minimum charge", 0, 15_000)]
    assert told(lines_of(rate, 5, 25)) == [("steps", 25, 25_000), ("minimum charge", 0, -15_000)]
    assert told(lines_of(rate, 0, 80)) == [("steps", 80, 80_000), ("maximum charge", 0, -30_000)]


def test_tiers_one_after_the_other_or_for_all():
    tiers = (Tier(0, 10), Tier(100, 4))
    graded = Rate(1, 10, CallTerms(0, 1, 1, 0, SpecialTerms(tiers=tiers)))
    assert told(lines_of(graded, 0, 130)) == [("tier", 100, 1_000), ("tier", 30, 120)]
    assert [line.above_units for line in lines_of(graded, 90, 20)] == [0, 100]
    whole = Rate(1, 10, CallTerms(0, 1, 1, 0, SpecialTerms(tiers=tiers, is_whole=True)))
    assert told(lines_of(whole, 0, 300)) == [("tier", 300, 1_200)]
    assert told(lines_of(whole, 90, 210)) == [("tier", 300, 1_200), ("tier", -90, -900)]


def test_rounding_has_a_line_of_its_own():
    terms = SpecialTerms(rounding=Rounding.HALF_UP, round_to_micros=10_000)
    rate = Rate(60, 90_000, CallTerms(0, 1, 1, 0, terms))
    assert told(lines_of(rate, 0, 7)) == [("steps", 7, 10_500), ("rounding", 0, -500)]


def test_a_call_that_was_cut_off():
    rate = Rate(1, 1_000, CallTerms(0, 1, 1, 0, SpecialTerms(free_below_units=3)))
    assert told(lines_of(rate, 0, 2)) == [("free below", 2, 0)]
    assert told(lines_of(rate, 2, 2)) == [("steps", 4, 4_000)]
