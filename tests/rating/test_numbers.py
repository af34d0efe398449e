"""Addresses in every spelling that networks use are one number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.rating.numbers import Numbering

GERMANY = Numbering("49")
SPAIN = Numbering("34", national_prefix="", national_digits=(9,), short_digits=5)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("+49 151 234-5678", "491512345678"),
        ("tel:+49-151-234.5678", "491512345678"),
        ("TEL:+491512345678;ext=1", "491512345678"),
        ("sip:+491512345678@ims.mnc001.mcc262.3gppnetwork.org;user=phone", "491512345678"),
        ("sips:0151(2345678)@example.org", "491512345678"),
        ("sip:01512345678;phone-context=+49@example.org;user=phone", "491512345678"),
        ("00491512345678", "491512345678"),
        ("01512345678", "491512345678"),
        ("491512345678", "491512345678"),
        ("tel:01512345678;phone-context=+49", "491512345678"),
        ("tel:1512345678;phone-context=+49", "491512345678"),
        ("tel:2345678;phone-context=+49-151", "491512345678"),
        ("tel:01512345678;phone-context=ims.example.org", "491512345678"),
        ("110", "s110"),
        ("tel:116117;phone-context=+49", "s116117"),
        ("tel:911;phone-context=+1", "1911"),
        ("sip:alice@example.org", ""),
        ("tel:*21#", ""),
        ("+", ""),
        ("", ""),
        ("1" * 33, ""),
        ("²³", ""),
    ],
)
def test_spellings(address, number):
    assert GERMANY.normal(address) == number


def test_a_plan_without_national_prefix():
    assert [SPAIN.normal(text) for text in ("612345678", "0034612345678", "061", "34612345678")] == [
        "34612345678",
        "34612345678",
        "s061",
        "34612345678",
    ]


def test_no_home_country():
    assert [Numbering().normal(text) for text in ("0151234567", "+49151")] == ["0151234567", "49151"]


@given(st.text(max_size=40))
def test_any_text_gives_digits_or_nothing(text):
    number = GERMANY.normal(text)
    assert number == "" or number.removeprefix("s").isdigit()


@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True))
def test_global_spellings_are_one(number):
    assert {GERMANY.normal(prefix + number) for prefix in ("+", "00", "tel:+", "sip:+")} == {number}
