"""3GPP-User-Location-Info as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.gy.location import location

PLMN, LONG_PLMN = "00f110", "130062"
"""001/01 and 310/260."""


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (f"00{PLMN}12340056", "CGI 00101-12340056"),
        (f"01{PLMN}12340056", "SAI 00101-12340056"),
        (f"02{PLMN}123405ff", "RAI 00101-123405FF"),
        (f"80{PLMN}1a2b", "TAI 00101-1A2B"),
        (f"81{PLMN}f1a2b3c4", "ECGI 00101-1A2B3C4"),
        (f"82{PLMN}1a2b{PLMN}01a2b3c4", "TAI 00101-1A2B ECGI 00101-1A2B3C4"),
        (f"83{PLMN}f12345", "eNB 00101-12345"),
        (f"84{PLMN}1a2b{PLMN}012345", "TAI 00101-1A2B eNB 00101-12345"),
        (f"85{PLMN}9f2345", "eNB 00101-1F2345"),
        (f"86{PLMN}1a2b{PLMN}1f2345", "TAI 00101-1A2B eNB 00101-1F2345"),
        (f"87{PLMN}f123456789", "NCGI 00101-123456789"),
        (f"88{PLMN}0a1b2c", "TAI 00101-0A1B2C"),
        (f"89{PLMN}0a1b2c{PLMN}0123456789", "TAI 00101-0A1B2C NCGI 00101-123456789"),
        ("80130062ffff", "TAI 310260-FFFF"),
    ],
)
def test_every_type_that_is_specified(octets, text):
    assert location(bytes.fromhex(octets)) == text


@pytest.mark.parametrize(
    "octets", ["", "82", f"82{PLMN}1a2b{PLMN}01a2", f"8a{PLMN}1a2b", f"63{PLMN}1a2b", "80ffffff1a2b", "8000a1101a2b"]
)
def test_what_cannot_be_read_is_no_location(octets):
    assert location(bytes.fromhex(octets)) == ""


@given(st.binary(max_size=20))
def test_octets_of_any_kind_are_read_or_not(octets):
    text = location(octets)
    assert text.isascii()
    assert len(text) < 64
