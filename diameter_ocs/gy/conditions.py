"""Conditions of use out of Service-Information and User-Equipment-Info (TS 32.299 §7.2, TS 29.061 §16.4.7).

Nothing in here refuses a request: a value that cannot be read is as good as not told.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from struct import Struct as Packer

from diameter_ocs.charging.conditions import UNKNOWN, Conditions
from diameter_ocs.gy.location import location, plmn_of_digits
from diameter_ocs.values.rat import RAT_NAMES
from diameter_ocs.wire.definition import LENGTH_BITS
from diameter_ocs.wire.dictionary import Dictionary

USER_EQUIPMENT_INFO_TYPE, USER_EQUIPMENT_INFO_VALUE = 459, 460
MAX_CHARACTERS = 128
"""Of one value: they are stored with every session."""
VENDOR_BIT = 1 << 31
_DOMAIN = re.compile(r"mnc(\d{2,3})\.mcc(\d{3})", re.IGNORECASE)
_HEAD = Packer(">II").unpack_from
_VENDOR = Packer(">I").unpack_from


def avps(data: bytes, pos: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Key, start and end of content of every AVP, up to the first length that does not fit."""
    while pos + 8 <= end:
        key, word = _HEAD(data, pos)
        stop, start = pos + (word & LENGTH_BITS), pos + 8
        if word & VENDOR_BIT and start + 4 <= end:
            key |= _VENDOR(data, start)[0] << 32
            start += 4
        if not start <= stop <= end:
            return
        yield key, start, stop
        pos = (stop + 3) & ~3


def _text(content: bytes) -> str:
    text = content.decode(errors="replace").strip("\0")
    return text if text.isprintable() and "\ufffd" not in text and len(text) <= MAX_CHARACTERS else ""


def _party(content: bytes) -> str:
    """An address; a gateway that does not know one may say so."""
    text = _text(content)
    return "" if text.lower() == "unknown" else text


def _plmn(content: bytes) -> str:
    return plmn_of_digits(_text(content))


def _plmn_of_domain(content: bytes) -> str:
    """'ims.mnc001.mcc262.3gppnetwork.org' as 26201: an MNC of two digits has a zero before it (TS 23.003 §13.2).

    Networks of North America (MCC 3xx) have three digits.
    """
    match = _DOMAIN.search(_text(content))
    if match is None:
        return ""
    mnc, mcc = match[1], match[2]
    return mcc + (mnc[1:] if mnc[0] == "0" and mcc[0] != "3" and len(mnc) == 3 else mnc)


def _rat(content: bytes) -> str:
    return RAT_NAMES.get(content[0], str(content[0])) if len(content) == 1 else ""


def _number(content: bytes) -> str:
    return str(int.from_bytes(content, "big")) if len(content) == 4 else ""


def _characteristics(content: bytes) -> str:
    """Four hexadecimal digits (TS 32.251 annex A)."""
    text = _text(content).lower()
    return text if len(text) == 4 and not text.strip("0123456789abcdef") else ""


def imei(content: bytes) -> str:
    """IMEI or IMEISV, written as text, with a NUL behind it by some, or as 8 octets of swapped BCD."""
    text = _text(content)
    if len(content) == 8:
        text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in content).rstrip("f")
    return text if 14 <= len(text) <= 16 and text.isascii() and text.isdigit() else ""


def _equipment(content: bytes) -> str:
    """User-Equipment-Info of an IMEISV (RFC 8506 §8.49); other kinds of equipment have no IMEI."""
    found = {code: content[start:stop] for code, start, stop in avps(content, 0, len(content))}
    is_imei = not int.from_bytes(found.get(USER_EQUIPMENT_INFO_TYPE, b""), "big")
    return imei(found.get(USER_EQUIPMENT_INFO_VALUE, b"")) if is_imei else ""


def time_zone(content: bytes) -> str:
    """3GPP-MS-TimeZone: quarters of an hour in swapped BCD, whose bit 0x08 is the sign (TS 29.061, TS 23.040)."""
    if len(content) != 2:
        return ""
    tens, units = content[0] & 7, content[0] >> 4
    if units > 9:
        return ""
    minutes = (tens * 10 + units) * 15
    sign = "-" if content[0] & 8 and minutes else "+"
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


READERS: Mapping[str, Callable[[bytes], str]] = {
    "Called-Station-Id": _text,
    "3GPP-RAT-Type": _rat,
    "3GPP-SGSN-MCC-MNC": _plmn,
    "3GPP-User-Location-Info": location,
    "Access-Network-Information": _text,
    "User-Equipment-Info": _equipment,
    "IMEI": imei,
    "3GPP-IMEISV": imei,
    "3GPP-Charging-Id": _number,
    "PDN-Connection-Charging-ID": _number,
    "3GPP-Charging-Characteristics": _characteristics,
    "3GPP-MS-TimeZone": time_zone,
    "Calling-Party-Address": _party,
    "Called-Party-Address": _party,
    "IMS-Visited-Network-Identifier": _plmn_of_domain,
    "Address-Data": _party,
}
GROUPS = (
    "Service-Information",
    "PS-Information",
    "IMS-Information",
    "SMS-Information",
    "MMS-Information",
    "Recipient-Info",
    "Recipient-Address",
    "Terminal-Information",
)
"""Groups that are looked into. Of the addresses of a message those of its recipients; the first one counts."""
SOURCES: Mapping[str, tuple[str, ...]] = {
    "apn": ("Called-Station-Id",),
    "rat": ("3GPP-RAT-Type",),
    "serving_plmn": ("3GPP-SGSN-MCC-MNC", "IMS-Visited-Network-Identifier"),
    "location": ("3GPP-User-Location-Info", "Access-Network-Information"),
    "imei": ("User-Equipment-Info", "IMEI", "3GPP-IMEISV"),
    "charging_id": ("3GPP-Charging-Id", "PDN-Connection-Charging-ID"),
    "charging_characteristics": ("3GPP-Charging-Characteristics",),
    "time_zone": ("3GPP-MS-TimeZone",),
    "calling_party": ("Calling-Party-Address",),
    "called_party": ("Called-Party-Address", "Address-Data"),
}
"""AVPs that tell a condition, the one to be preferred first."""


class ConditionsReader:
    """Reads AVPs wherever a gateway puts them; of several alike the first one that can be read counts."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._readers = {dictionary[name].key: (name, read) for name, read in READERS.items()}
        self._groups = frozenset(dictionary[name].key for name in GROUPS)

    def read(self, *groups: bytes) -> Conditions:
        """groups: AVPs as received, such as Service-Information; what comes first counts more."""
        found: dict[str, str] = {}
        for group in groups:
            self._walk(group, 0, int.from_bytes(group[5:8], "big"), found)
        told = {field: _first(found, names) for field, names in SOURCES.items()}
        return Conditions(**told) if any(told.values()) else UNKNOWN

    def _walk(self, data: bytes, pos: int, end: int, found: dict[str, str]) -> None:
        for key, start, stop in avps(data, pos, end):
            if key in self._groups:
                self._walk(data, start, stop, found)
            elif key in self._readers:
                name, read = self._readers[key]
                if name not in found and (text := read(data[start:stop])):
                    found[name] = text


def _first(found: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((found[name] for name in names if name in found), "")
