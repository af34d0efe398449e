"""Units, money and names: exact, and clear about what they are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.values.identity import IdentityKind, identity, new_id
from diameter_ocs.values.money import divide_up, format_money, parse_money
from diameter_ocs.values.units import UnitType, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "micros"), [("0.02", 20_000), ("1", 1_000_000), ("-0.7", -700_000), (5, 5_000_000), ("0.000001", 1)]
)
def test_amounts(text, micros):
    assert parse_money(text) == micros


@pytest.mark.parametrize("text", ["0.0000001", "one", "", "NaN", "inf", 0.02, True, "1e999999999", "1e99", "9" * 50])
def test_what_is_no_amount(text):
    with pytest.raises(ValueError, match="amount"):
        parse_money(text)


@given(st.integers(-(10**15), 10**15))
def test_amounts_survive_print_and_read(micros):
    assert parse_money(format_money(micros)) == micros


def test_money_for_people():
    assert [format_money(micros, "EUR") for micros in (20_000, -1, 10**9)] == [
        "0.02 EUR",
        "-0.000001 EUR",
        "1000.00 EUR",
    ]


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_division_rounds_up(amount, by):
    assert by * divide_up(amount, by) >= amount > by * (divide_up(amount, by) - 1)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20 MB", UnitType.OCTETS, 20_000_000),
        ("1MiB", UnitType.OCTETS, 1_048_576),
        ("1_000", UnitType.OCTETS, 1000),
        (7, UnitType.EVENTS, 7),
        ("10 min", UnitType.SECONDS, 600),
        ("2 h", UnitType.SECONDS, 7200),
    ],
)
def test_quantities(text, unit, value):
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("20 MB", UnitType.SECONDS),
        ("1.5 GB", UnitType.OCTETS),
        ("", UnitType.OCTETS),
        (-1, UnitType.OCTETS),
        (1.5, UnitType.SECONDS),
        (True, UnitType.SECONDS),
        ("2\u00b2", UnitType.OCTETS),
        ([], UnitType.EVENTS),
    ],
)
def test_what_is_no_quantity(text, unit):
    with pytest.raises(ValueError, match=r"whole number|below zero"):
        parse_quantity(text, unit)


def test_quantities_for_people():
    shown = [format_quantity(value, UnitType.OCTETS) for value in (999, 25_000, 10_000_000, 1_500_000_000)]
    assert shown == ["999 B", "25 kB", "10 MB", "1.5 GB"]


def test_spellings_of_one_number_are_one_identity():
    assert identity(IdentityKind.E164, "+49 151-234") == identity(IdentityKind.E164, "49151234")
    assert identity(IdentityKind.NAI, "Ann@Example.Org").value == "ann@example.org"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (IdentityKind.E164, "abc"),
        (IdentityKind.IMSI, "1" * 16),
        (IdentityKind.IMSI, "٣٣٣٣٣"),
        (IdentityKind.PRIVATE, " "),
        (IdentityKind.NAI, "x" * 256),
    ],
)
def test_what_is_no_identity(kind, value):
    with pytest.raises(ValueError, match=r"needed|needs"):
        identity(kind, value)


def test_new_names_are_unique_and_sort_by_time():
    names = [new_id("acc", 1_790_000_000_000 + step, 7) for step in range(1000)]
    assert names == sorted(set(names))
    assert new_id("acc", 1, 2) != new_id("acc", 1, 3)
