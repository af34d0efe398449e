"""Amounts as Diameter writes them: exact both ways, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.values.amount import digits_of, micros_of
from diameter_ocs.values.currency import NUMERIC_CODES
from diameter_ocs.values.money import LARGEST_MICROS, share_of


@pytest.mark.parametrize(
    ("digits", "exponent", "micros"),
    [
        (1234, -2, 12_340_000),
        (5, -2, 50_000),
        (500, 0, 500_000_000),
        (1234, -3, 1_234_000),
        (-70, -2, -700_000),
        (23, -1, 2_300_000),
        (3, 3, 3_000_000_000),
        (1, -6, 1),
        (10, -7, 1),
        (0, 2_000_000_000, 0),
        (0, -2_000_000_000, 0),
    ],
)
def test_amounts(digits, exponent, micros):
    assert micros_of(digits, exponent) == micros


@pytest.mark.parametrize(
    ("digits", "exponent"), [(1, -7), (-1, -7), (1, 2_000_000_000), (1, -2_000_000_000), (1, 18), (2**62, 0)]
)
def test_amounts_that_are_refused(digits, exponent):
    with pytest.raises(ValueError, match="than"):
        micros_of(digits, exponent)


@pytest.mark.parametrize(
    ("micros", "told"), [(70_000, (7, -2)), (500_000_000, (500, 0)), (-700_000, (-7, -1)), (0, (0, 0)), (1, (1, -6))]
)
def test_digits(micros, told):
    assert digits_of(micros) == told


@given(st.integers(-LARGEST_MICROS, LARGEST_MICROS))
def test_every_amount_survives_the_way_there_and_back(micros):
    assert micros_of(*digits_of(micros)) == micros


def test_currencies_are_told_apart():
    assert len(set(NUMERIC_CODES.values())) == len(NUMERIC_CODES)
    assert [NUMERIC_CODES[name] for name in ("EUR", "USD", "JPY", "KWD")] == [978, 840, 392, 414]


@given(st.integers(0, 10**12), st.integers(1, 10**6), st.data())
def test_a_share_is_never_more_than_the_whole(amount, whole, drawn):
    part = drawn.draw(st.integers(0, whole))
    assert 0 <= share_of(amount, part, whole) <= amount
    assert share_of(amount, whole, whole) == amount
