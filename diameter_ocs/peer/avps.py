"""AVPs of the base protocol as bytes: enough to build its messages and to read what a damaged one still shows.

What arrives intact is decoded by wire/codec; this module never needs a dictionary and never raises.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from ipaddress import ip_address
from typing import NamedTuple

from diameter_ocs.wire.definition import VENDOR_FLAG, pack_avp
from diameter_ocs.wire.header import HEADER_OCTETS

_AVP = struct.Struct("!II")
_U32 = struct.Struct("!I")


class AvpCode(IntEnum):
    """AVP Codes of RFC 6733 §4.5 and RFC 8506 §8 used below."""

    HOST_IP_ADDRESS = 257
    AUTH_APPLICATION_ID = 258
    VENDOR_SPECIFIC_APPLICATION_ID = 260
    SESSION_ID = 263
    ORIGIN_HOST = 264
    SUPPORTED_VENDOR_ID = 265
    VENDOR_ID = 266
    FIRMWARE_REVISION = 267
    RESULT_CODE = 268
    PRODUCT_NAME = 269
    DISCONNECT_CAUSE = 273
    ORIGIN_STATE_ID = 278
    FAILED_AVP = 279
    ERROR_MESSAGE = 281
    PROXY_INFO = 284
    DESTINATION_HOST = 293
    ORIGIN_REALM = 296
    CC_REQUEST_NUMBER = 415
    CC_REQUEST_TYPE = 416
    CC_SUB_SESSION_ID = 419


class RawAvp(NamedTuple):
    """An AVP as it stands in a message. raw: all of it, padding included."""

    code: int
    vendor: int
    data: bytes
    raw: bytes


def octets(code: AvpCode, data: bytes, *, mandatory: bool = True) -> bytes:
    """An AVP without vendor, padded to a multiple of 4 (RFC 6733 §4.1)."""
    return pack_avp(code, 0, mandatory, data)


def unsigned32(code: AvpCode, value: int) -> bytes:
    """An AVP of type Unsigned32 or Enumerated without vendor."""
    return octets(code, _U32.pack(value))


def text(code: AvpCode, value: str, *, mandatory: bool = True) -> bytes:
    """An AVP of type UTF8String or DiameterIdentity without vendor."""
    return octets(code, value.encode(), mandatory=mandatory)


def address(code: AvpCode, ip: str) -> bytes:
    """An AVP of type Address: family 1 is IPv4, 2 is IPv6 (RFC 6733 §4.3.1). An IPv6 scope is left out."""
    parsed = ip_address(ip.partition("%")[0])
    return octets(code, (1 if parsed.version == 4 else 2).to_bytes(2, "big") + parsed.packed)


def readable_avps(message: bytes) -> Iterator[RawAvp]:
    """The AVPs of a message one by one, as far as their lengths can be believed."""
    at, end = HEADER_OCTETS, len(message)
    while at + 8 <= end:
        code, word = _AVP.unpack_from(message, at)
        length = word & 0xFFFFFF
        head = 12 if word >> 24 & VENDOR_FLAG else 8
        if length < head or at + length > end:
            return
        vendor = _U32.unpack_from(message, at + 8)[0] if head == 12 else 0
        padded = length + (-length % 4)
        yield RawAvp(code, vendor, message[at + head : at + length], message[at : at + padded])
        at += padded
