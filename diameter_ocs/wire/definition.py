"""What an AVP is: its number, type and flags, and the bytes of its header. Knows no message and no grammar."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from struct import Struct
from types import MappingProxyType

VENDOR_FLAG = 0x80
MANDATORY_FLAG = 0x40
LENGTH_BITS = 0xFFFFFF
PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
"""What brings a length up to the next multiple of four, by length modulo four."""

_HEADER = Struct(">II")
_VENDOR_HEADER = Struct(">III")


class AvpType(StrEnum):
    """Data formats of RFC 6733 §4.2 to §4.4, under their names there."""

    OCTET_STRING = "OctetString"
    UTF8_STRING = "UTF8String"
    DIAMETER_IDENTITY = "DiameterIdentity"
    DIAMETER_URI = "DiameterURI"
    IP_FILTER_RULE = "IPFilterRule"
    INTEGER32 = "Integer32"
    INTEGER64 = "Integer64"
    UNSIGNED32 = "Unsigned32"
    UNSIGNED64 = "Unsigned64"
    FLOAT32 = "Float32"
    FLOAT64 = "Float64"
    ENUMERATED = "Enumerated"
    TIME = "Time"
    ADDRESS = "Address"
    GROUPED = "Grouped"


MINIMUM_DATA_OCTETS: Mapping[AvpType, int] = MappingProxyType(
    {
        AvpType.INTEGER32: 4,
        AvpType.UNSIGNED32: 4,
        AvpType.FLOAT32: 4,
        AvpType.ENUMERATED: 4,
        AvpType.TIME: 4,
        AvpType.INTEGER64: 8,
        AvpType.UNSIGNED64: 8,
        AvpType.FLOAT64: 8,
        AvpType.ADDRESS: 6,
    }
)
"""Zero octets an example of the type is filled with (RFC 6733 §7.5); none for the types that are not listed."""


def avp_key(vendor: int, code: int) -> int:
    """The one number an AVP is looked up by: Vendor-Id in the high, AVP Code in the low 32 bits."""
    return vendor << 32 | code


@dataclass(frozen=True, slots=True)
class AvpDefinition:
    """One row of a dictionary.

    mandatory: the M bit when we send it. values: names of an enumeration by number.
    closed: `values` is complete, any other number is an invalid value.
    """

    code: int
    vendor: int
    name: str
    type: AvpType
    mandatory: bool = False
    values: Mapping[int, str] = field(default_factory=dict, hash=False)
    closed: bool = False
    key: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", avp_key(self.vendor, self.code))


def pack_avp(code: int, vendor: int, mandatory: bool, data: bytes) -> bytes:
    """Header, data and padding (RFC 6733 §4.1)."""
    flags = MANDATORY_FLAG << 24 if mandatory else 0
    size = len(data)
    if vendor:
        head = _VENDOR_HEADER.pack(code, VENDOR_FLAG << 24 | flags | size + 12, vendor)
    else:
        head = _HEADER.pack(code, flags | size + 8)
    return head + data + PADDING[size & 3]


def example_avp(definition: AvpDefinition) -> bytes:
    """A missing AVP as Failed-AVP shows it: right header, data of the minimum length, all zero (RFC 6733 §7.5)."""
    data = bytes(MINIMUM_DATA_OCTETS.get(definition.type, 0))
    return pack_avp(definition.code, definition.vendor, definition.mandatory, data)


def failed_avp_for_length(code: int, vendor: int, mandatory: bool, definition: AvpDefinition | None) -> bytes:
    """An AVP whose length field cannot be true: its header and the least data of its type (RFC 6733 §7.1.5, 5014)."""
    size = MINIMUM_DATA_OCTETS.get(definition.type, 0) if definition else 0
    return pack_avp(code, vendor, mandatory, bytes(size))


def wrap(path: Iterable[AvpDefinition], avps: bytes) -> bytes:
    """Encoded AVPs inside the groups they were found in, outermost group first in `path` (RFC 6733 §7.5)."""
    for group in reversed(tuple(path)):
        avps = pack_avp(group.code, group.vendor, group.mandatory, avps)
    return avps
