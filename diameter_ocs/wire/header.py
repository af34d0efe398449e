"""The 20 octets in front of every Diameter message (RFC 6733 §3)."""

from struct import Struct
from typing import NamedTuple

from diameter_ocs.errors import InvalidMessageLength

VERSION = 1
HEADER_OCTETS = 20
REQUEST = 0x80
PROXIABLE = 0x40
ERROR = 0x20
RETRANSMIT = 0x10

_WORDS = Struct(">5I")


class Header(NamedTuple):
    """Fields as received; nothing is checked here. `length` counts the whole message with this header."""

    version: int
    length: int
    flags: int
    command: int
    application: int
    hop_by_hop: int
    end_to_end: int

    @property
    def is_request(self) -> bool:
        return self.flags & REQUEST != 0


def read_header(message: bytes) -> Header:
    """Raises InvalidMessageLength when there are fewer than 20 octets."""
    if len(message) < HEADER_OCTETS:
        raise InvalidMessageLength(f"{len(message)} octets are too few for a Diameter header")
    first, second, application, hop_by_hop, end_to_end = _WORDS.unpack_from(message)
    return Header(first >> 24, first & 0xFFFFFF, second >> 24, second & 0xFFFFFF, application, hop_by_hop, end_to_end)


def pack_header(flags: int, command: int, application: int, hop_by_hop: int, end_to_end: int, *, length: int) -> bytes:
    """A header of version 1. `length` counts the whole message with this header and all padding."""
    return _WORDS.pack(VERSION << 24 | length, flags << 24 | command, application, hop_by_hop, end_to_end)
