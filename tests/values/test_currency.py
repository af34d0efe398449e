"""Amounts on the wire are exact."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.values.currency import NUMERIC_CODES, digits_and_exponent


@pytest.mark.parametrize(
    ("micros", "currency", "expected"),
    [
        (12_340_000, "EUR", (1234, -2)),
        (50_000, "USD", (5, -2)),
        (500_000_000, "JPY", (500, 0)),
        (1_234_000, "KWD", (1234, -3)),
        (-700_000, "EUR", (-70, -2)),
        (123_456, "EUR", (123456, -6)),
        (0, "EUR", (0, -2)),
    ],
)
def test_amounts(micros, currency, expected):
    assert digits_and_exponent(micros, currency) == expected


@given(st.integers(-(2**60), 2**60), st.sampled_from(sorted(NUMERIC_CODES)))
def test_nothing_is_rounded(micros, currency):
    digits, exponent = digits_and_exponent(micros, currency)
    assert Decimal(digits).scaleb(exponent) == Decimal(micros) / 1_000_000
