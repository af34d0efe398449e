"""3GPP-User-Location-Info as text (TS 29.061 §16.4.7.2)."""

from collections.abc import Mapping
from types import MappingProxyType

PLMN_OCTETS = 3

Part = tuple[str, int, int]
"""Name, octets of the identity behind the PLMN, and how many of its bits count."""
CGI, SAI, RAI = ("CGI", 4, 32), ("SAI", 4, 32), ("RAI", 4, 32)
TAI, ECGI = ("TAI", 2, 16), ("ECGI", 4, 28)
ENB, LONG_ENB = ("eNB", 3, 20), ("eNB", 3, 21)
NCGI, TAI_5GS = ("NCGI", 5, 36), ("TAI", 3, 24)
PARTS: Mapping[int, tuple[Part, ...]] = MappingProxyType(
    {
        0: (CGI,),
        1: (SAI,),
        2: (RAI,),
        128: (TAI,),
        129: (ECGI,),
        130: (TAI, ECGI),
        131: (ENB,),
        132: (TAI, ENB),
        133: (LONG_ENB,),
        134: (TAI, LONG_ENB),
        135: (NCGI,),
        136: (TAI_5GS,),
        137: (TAI_5GS, NCGI),
    }
)
"""What follows the first octet."""


def location(content: bytes) -> str:
    """'TAI 00101-1A2B ECGI 00101-01A2B3C4'; empty for an unknown type, short data or a PLMN that is none."""
    parts = PARTS.get(content[0]) if content else None
    if parts is None:
        return ""
    texts, pos = [], 1
    for name, octets, bits in parts:
        plmn = _plmn(content[pos : pos + PLMN_OCTETS])
        end = pos + PLMN_OCTETS + octets
        if not plmn or end > len(content):
            return ""
        number = int.from_bytes(content[pos + PLMN_OCTETS : end], "big") & ((1 << bits) - 1)
        texts.append(f"{name} {plmn}-{number:0{-(-bits // 4)}X}")
        pos = end
    return " ".join(texts)


def _plmn(octets: bytes) -> str:
    """MCC and MNC of three octets of swapped BCD; F fills an MNC of two digits."""
    if len(octets) < PLMN_OCTETS:
        return ""
    first, second, third = octets[:PLMN_OCTETS]
    digits = f"{first & 15:x}{first >> 4:x}{second & 15:x}{third & 15:x}{third >> 4:x}{second >> 4:x}"
    return plmn_of_digits(digits.removesuffix("f"))


def plmn_of_digits(text: str) -> str:
    """The same text when it can be MCC and MNC."""
    return text if text.isascii() and text.isdigit() and len(text) in (5, 6) else ""
