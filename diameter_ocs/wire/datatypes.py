"""Values of AVPs and their octets, one pair of functions per data format (RFC 6733 §4.2, §4.3)."""

import struct
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct
from types import MappingProxyType

from diameter_ocs.wire.definition import AvpType

Value = int | float | str | bytes | IPv4Address | IPv6Address

SECONDS_1900_TO_1970 = 2_208_988_800
SECONDS_1970_TO_2036 = 2_085_978_496
"""When the 32-bit counter of 1900 wraps: 2036-02-07 06:28:16 UTC."""
TIME_TOP_BIT = 0x8000_0000
FAMILY_IPV4, FAMILY_IPV6, FAMILY_E164 = 1, 2, 8
URI_SCHEMES = ("aaa://", "aaas://")

_U16, _U32, _U64 = Struct(">H"), Struct(">I"), Struct(">Q")
_I32, _I64 = Struct(">i"), Struct(">q")
_F32, _F64 = Struct(">f"), Struct(">d")


class WrongLengthError(ValueError):
    """The data is not as long as its type asks for."""


class WrongValueError(ValueError):
    """The data has the right length but no legal content."""


def unix_from_time(seconds: int) -> int:
    """Seconds since 1970 of a Time: top bit set counts from 1900, top bit clear from 2036 (RFC 6733 §4.3.1)."""
    return seconds - SECONDS_1900_TO_1970 if seconds & TIME_TOP_BIT else seconds + SECONDS_1970_TO_2036


def time_from_unix(seconds: int) -> int:
    """The counter of a Time. Raises WrongValueError before 1968-01-20 and from 2104-02-26 on."""
    if not unix_from_time(TIME_TOP_BIT) <= seconds <= unix_from_time(TIME_TOP_BIT - 1):
        raise WrongValueError(f"{seconds} is outside of what a Time AVP can say")
    return (seconds + SECONDS_1900_TO_1970) & 0xFFFF_FFFF


def _number(layout: Struct) -> Callable[[bytes], int]:
    unpack, size = layout.unpack, layout.size

    def decode(data: bytes) -> int:
        if len(data) != size:
            raise WrongLengthError(f"{len(data)} octets instead of {size}")
        return unpack(data)[0]  # type: ignore[no-any-return]

    return decode


_decode_u32 = _number(_U32)


def _decode_time(data: bytes) -> int:
    return unix_from_time(_decode_u32(data))


def _decode_utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        raise WrongValueError(f"not UTF-8: {fault.reason} at octet {fault.start}") from None


def _decode_ascii(data: bytes) -> str:
    if not data.isascii():
        raise WrongValueError("not ASCII")
    return data.decode("ascii")


def _decode_identity(data: bytes) -> str:
    if not data:
        raise WrongLengthError("an identity of no octets")
    return _decode_ascii(data)


def _decode_uri(data: bytes) -> str:
    text = _decode_ascii(data)
    if not text.startswith(URI_SCHEMES):
        raise WrongValueError("a DiameterURI starts with aaa:// or aaas://")
    return text


def _decode_address(data: bytes) -> Value:
    """RFC 6733 §4.3.1: two octets of address family, then the address. An E.164 number comes as text."""
    if len(data) < 2:
        raise WrongLengthError("an address without its family")
    family, address = _U16.unpack_from(data)[0], data[2:]
    if family == FAMILY_E164:
        return _decode_utf8(address)
    if family not in (FAMILY_IPV4, FAMILY_IPV6):
        raise WrongValueError(f"address family {family}")
    if len(address) != (4 if family == FAMILY_IPV4 else 16):
        raise WrongLengthError(f"{len(address)} octets of address in family {family}")
    return IPv4Address(address) if family == FAMILY_IPV4 else IPv6Address(address)


DECODERS: Mapping[AvpType, Callable[[bytes], Value]] = MappingProxyType(
    {
        AvpType.OCTET_STRING: bytes,
        AvpType.UTF8_STRING: _decode_utf8,
        AvpType.DIAMETER_IDENTITY: _decode_identity,
        AvpType.DIAMETER_URI: _decode_uri,
        AvpType.IP_FILTER_RULE: _decode_ascii,
        AvpType.INTEGER32: _number(_I32),
        AvpType.INTEGER64: _number(_I64),
        AvpType.UNSIGNED32: _decode_u32,
        AvpType.UNSIGNED64: _number(_U64),
        AvpType.FLOAT32: _number(_F32),
        AvpType.FLOAT64: _number(_F64),
        AvpType.ENUMERATED: _number(_I32),
        AvpType.TIME: _decode_time,
        AvpType.ADDRESS: _decode_address,
    }
)
"""Octets to value for every type but Grouped. They raise WrongLengthError and WrongValueError."""


def _encode_time(value: int) -> bytes:
    return _U32.pack(time_from_unix(value))


def _encode_address(value: str | IPv4Address | IPv6Address) -> bytes:
    """Text that reads as an IP address is one; any other text is an E.164 number."""
    if not isinstance(value, str | IPv4Address | IPv6Address):
        raise TypeError("neither an IP address nor text")
    try:
        address = ip_address(value)
    except ValueError:
        return _U16.pack(FAMILY_E164) + str(value).encode()
    return _U16.pack(FAMILY_IPV4 if address.version == 4 else FAMILY_IPV6) + address.packed


def _encode_text(value: str) -> bytes:
    return value.encode()


def _encode_ascii(value: str) -> bytes:
    return value.encode("ascii")


_ENCODERS: Mapping[AvpType, Callable[..., bytes]] = MappingProxyType(
    {
        AvpType.OCTET_STRING: bytes,
        AvpType.UTF8_STRING: _encode_text,
        AvpType.DIAMETER_IDENTITY: _encode_ascii,
        AvpType.DIAMETER_URI: _encode_ascii,
        AvpType.IP_FILTER_RULE: _encode_ascii,
        AvpType.INTEGER32: _I32.pack,
        AvpType.INTEGER64: _I64.pack,
        AvpType.UNSIGNED32: _U32.pack,
        AvpType.UNSIGNED64: _U64.pack,
        AvpType.FLOAT32: _F32.pack,
        AvpType.FLOAT64: _F64.pack,
        AvpType.ENUMERATED: _I32.pack,
        AvpType.TIME: _encode_time,
        AvpType.ADDRESS: _encode_address,
    }
)


def encode_value(kind: AvpType, value: object) -> bytes:
    """The octets of a value. Raises WrongValueError when the value is not one of that type."""
    if kind is AvpType.OCTET_STRING and not isinstance(value, bytes):
        raise WrongValueError(f"{value!r} is not of type {kind}")
    try:
        return _ENCODERS[kind](value)
    except (struct.error, AttributeError, TypeError, UnicodeEncodeError) as fault:
        raise WrongValueError(f"{value!r} is not of type {kind}: {fault}") from None
