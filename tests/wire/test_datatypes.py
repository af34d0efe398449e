"""Each data format of RFC 6733 §4.2 and §4.3: what it decodes to, what it refuses."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from diameter_ocs.wire.datatypes import (
    DECODERS,
    WrongLengthError,
    WrongValueError,
    encode_value,
    time_from_unix,
    unix_from_time,
)
from diameter_ocs.wire.definition import AvpType

PAIRS = [
    (AvpType.OCTET_STRING, b"\x00\xff", "00ff"),
    (AvpType.UTF8_STRING, "Zürich", "5ac3bc72696368"),
    (AvpType.UTF8_STRING, "", ""),
    (AvpType.DIAMETER_IDENTITY, "ocs.example", "6f63732e6578616d706c65"),
    (AvpType.DIAMETER_URI, "aaa://ocs.example:3868", "6161613a2f2f6f63732e6578616d706c653a33383638"),
    (AvpType.IP_FILTER_RULE, "permit in ip", "7065726d697420696e206970"),
    (AvpType.INTEGER32, -1, "ffffffff"),
    (AvpType.ENUMERATED, -2, "fffffffe"),
    (AvpType.UNSIGNED32, 0xFFFFFFFF, "ffffffff"),
    (AvpType.INTEGER64, -70, "ffffffffffffffba"),
    (AvpType.UNSIGNED64, 2**64 - 1, "ffffffffffffffff"),
    (AvpType.FLOAT32, 0.5, "3f000000"),
    (AvpType.FLOAT64, -2.0, "c000000000000000"),
    (AvpType.ADDRESS, IPv4Address("192.0.2.1"), "0001c0000201"),
    (AvpType.ADDRESS, IPv6Address("2001:db8::1"), "000220010db8000000000000000000000001"),
    (AvpType.ADDRESS, "99955500101", "00083939393535353030313031"),
    (AvpType.TIME, 1767261600, "ed00c420"),
]


@pytest.mark.parametrize(("kind", "value", "octets"), PAIRS)
def test_values_and_octets(kind, value, octets):
    assert encode_value(kind, value).hex() == octets
    assert DECODERS[kind](bytes.fromhex(octets)) == value


def test_an_ip_address_may_be_given_as_text():
    assert encode_value(AvpType.ADDRESS, "192.0.2.1") == encode_value(AvpType.ADDRESS, IPv4Address("192.0.2.1"))


@pytest.mark.parametrize(
    ("counter", "unix"),
    [
        (0x80000000, -61505152),  # the earliest instant: 1968-01-20 03:14:08 UTC
        (2_208_988_800, 0),
        (0xFFFFFFFF, 2_085_978_495),
        (0, 2_085_978_496),  # 2036-02-07 06:28:16 UTC
        (0x7FFFFFFF, 4_233_462_143),
    ],
)
def test_time_turns_over_in_2036(counter, unix):
    assert unix_from_time(counter) == unix
    assert time_from_unix(unix) == counter


@pytest.mark.parametrize("unix", [-61505153, 4_233_462_144])
def test_an_instant_outside_of_the_counter_is_refused(unix):
    with pytest.raises(WrongValueError, match="outside"):
        time_from_unix(unix)


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        (AvpType.UNSIGNED32, "000001"),
        (AvpType.UNSIGNED32, "0000000001"),
        (AvpType.INTEGER64, "00000001"),
        (AvpType.TIME, ""),
        (AvpType.FLOAT64, "00000000"),
        (AvpType.DIAMETER_IDENTITY, ""),
        (AvpType.ADDRESS, "00"),
        (AvpType.ADDRESS, "0001c00002"),
        (AvpType.ADDRESS, "0002c0000201"),
    ],
)
def test_wrong_lengths(kind, octets):
    with pytest.raises(WrongLengthError):
        DECODERS[kind](bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        (AvpType.UTF8_STRING, "ff"),
        (AvpType.UTF8_STRING, "c3"),
        (AvpType.DIAMETER_IDENTITY, "c3bc"),
        (AvpType.DIAMETER_URI, "687474703a2f2f"),
        (AvpType.ADDRESS, "0003c0000201"),
        (AvpType.ADDRESS, "0008ff"),
    ],
)
def test_wrong_content(kind, octets):
    with pytest.raises(WrongValueError):
        DECODERS[kind](bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (AvpType.UNSIGNED32, -1),
        (AvpType.UNSIGNED32, 2**32),
        (AvpType.UNSIGNED32, "1"),
        (AvpType.INTEGER32, 2**31),
        (AvpType.UTF8_STRING, b"octets"),
        (AvpType.OCTET_STRING, "text"),
        (AvpType.OCTET_STRING, 3),
        (AvpType.DIAMETER_IDENTITY, "zürich"),
        (AvpType.ADDRESS, 16909060),
    ],
)
def test_values_of_another_type_are_not_encoded(kind, value):
    with pytest.raises(WrongValueError):
        encode_value(kind, value)
