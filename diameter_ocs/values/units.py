"""What can be counted: octets, seconds, events, and money in micro-units of a currency. Integers only."""

from enum import Enum


class UnitType(Enum):
    """The unit of a bucket, a grant or a price."""

    OCTETS = "octets"
    SECONDS = "seconds"
    EVENTS = "events"
    MONEY = "money"
    """Millionths of the account's currency unit: 0.02 EUR is 20,000."""

    __hash__ = object.__hash__  # members are singletons; the hash of Enum is a slow function


OCTET_SIZES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
DURATIONS = {"S": 1, "M": 60, "MIN": 60, "H": 3600, "D": 86_400}


def parse_quantity(text: str | int, unit: UnitType) -> int:
    """'20 MB', '512 KiB', '90 s', '2 h' or a bare whole number as units of `unit`.

    Raises ValueError with the rule when the text is none of these.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return _not_negative(text, text)
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a whole number of {unit.value}")
    digits = text.strip().replace("_", "").replace(",", "")
    number = digits.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    suffix = digits[len(number) :].strip().upper()
    sizes = {UnitType.OCTETS: OCTET_SIZES, UnitType.SECONDS: DURATIONS}.get(unit, {})
    if not (number.isascii() and number.isdigit()) or (suffix and suffix not in sizes):
        known = ", ".join(sizes) or "no suffix"
        raise ValueError(f"{text!r} is not a whole number of {unit.value} (suffixes: {known})")
    return _not_negative(int(number) * sizes.get(suffix, 1), text)


def _not_negative(value: int, text: str | int) -> int:
    if value < 0:
        raise ValueError(f"{text!r} is below zero")
    return value


def format_quantity(value: int, unit: UnitType) -> str:
    """For people: 10000000 octets as '10 MB', 90 seconds as '90 s'. Exact below 10 kB, rounded above."""
    if unit is UnitType.OCTETS:
        for name, size in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
            if abs(value) >= size * (10 if name == "kB" else 1):
                return f"{value / size:.2f}".rstrip("0").rstrip(".") + f" {name}"
        return f"{value} B"
    return f"{value} s" if unit is UnitType.SECONDS else str(value)
