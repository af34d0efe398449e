"""[numbering], [destinations.NAME], [networks.NAME] and [locations.NAME] of a catalogue file."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from diameter_ocs.rating.file_values import Table
from diameter_ocs.rating.mistakes import Mistakes
from diameter_ocs.rating.numbers import SHORT, Numbering
from diameter_ocs.rating.prefixes import Prefixes
from diameter_ocs.rating.prefixes_csv import Row, read_rows
from diameter_ocs.rating.selection import END

Read = Callable[[str], str]
"""From the name of a file, relative to the catalogue, to its text. Raises OSError or UnicodeDecodeError."""
Digits = Annotated[str, Field(pattern=r"^\d*$")]
NETWORK = re.compile(r"\d{5,6}|\d{1,5}\*|\*")


class NumberingFile(Table):
    """[numbering]: how numbers are dialled at home."""

    country_code: Annotated[str, Field(pattern=r"^([1-9]\d{0,2})?$")] = ""
    international_prefix: Digits = "00"
    national_prefix: Digits = "0"
    national_digits: list[Annotated[int, Field(ge=1, le=15)]] = []
    short_digits: Annotated[int, Field(ge=0, le=15)] = 6

    def numbering(self) -> Numbering:
        return Numbering(
            self.country_code,
            self.international_prefix,
            self.national_prefix,
            tuple(self.national_digits),
            self.short_digits,
        )


class DestinationFile(Table):
    """[destinations.NAME]: numbers that begin alike."""

    prefixes: list[str] = []
    short_numbers: list[str] = []
    csv: str | None = None


class NetworkFile(Table):
    """[networks.NAME]: MCC and MNC, or the beginning of it and a star."""

    plmns: Annotated[list[str], Field(min_length=1)]


class LocationFile(Table):
    """[locations.NAME]: areas and cells as `ocs session show` tells them; a star stands for any part."""

    areas: Annotated[list[str], Field(min_length=1)]


def csv_rows(key: str, name: str, read: Read, zone: ZoneInfo, mistakes: Mistakes) -> list[Row]:
    """The rows of a CSV file; one that is wrong is told with the line of that file."""
    try:
        text = read(name)
    except UnicodeDecodeError:
        mistakes.tell(key, f"{name} is not UTF-8 text", "save it as UTF-8")
        return []
    except OSError as error:
        mistakes.tell(key, f"{name} cannot be read: {error.strerror}", "its path starts at the folder of this file")
        return []

    def tell(line: int, column: str, rule: str, suggestion: str) -> None:
        mistakes.add(f"{name}:{line}: {column or 'line'} — {rule} — {suggestion}")

    return read_rows(text, zone, tell)


def destinations(
    tables: Mapping[str, DestinationFile], read: Read, zone: ZoneInfo, mistakes: Mistakes
) -> tuple[Prefixes[str], set[str]]:
    """What prefixes belong to, and every destination there is: those of the file and those that CSV rows name."""
    names, found = set(tables), _Found()
    for name, table in tables.items():
        key = f"destinations.{name}"
        if not table.prefixes and not table.short_numbers and table.csv is None:
            mistakes.tell(key, "has no prefixes, short_numbers or csv", "for example: prefixes = ['49']")
        for sign, said in (("", "prefixes"), (SHORT, "short_numbers")):
            for index, text in enumerate(getattr(table, said)):
                place = f"{key}.{said}.{index}"
                digits = text.removeprefix("+")
                if not (digits.isascii() and digits.isdigit()):
                    mistakes.tell(place, f"{text!r} is not digits", "write it as in '4915', without 00")
                elif before := found.taken(sign + digits, 0, name, place):
                    mistakes.tell(place, f"{text} stands in {before} already", ONE_EACH)
        for row in csv_rows(f"{key}.csv", table.csv, read, zone, mistakes) if table.csv is not None else ():
            destination, place = row.destination or name, f"{table.csv}:{row.line}"
            names.add(destination)
            if before := found.taken(row.prefix, row.from_ms, destination, place):
                mistakes.add(f"{place}: prefix — {row.prefix} stands in {before} already — {ONE_EACH}")
    return Prefixes(found.rows), names


ONE_EACH = "a prefix belongs to one destination"


class _Found:
    """Prefixes while they are collected."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, str]] = []
        self._places: dict[tuple[str, int], str] = {}

    def taken(self, prefix: str, from_ms: int, name: str, place: str) -> str:
        """Where a prefix stands already; '': nowhere, and it is kept."""
        before = self._places.setdefault((prefix, from_ms), place)
        if before != place:
            return before
        self.rows.append((prefix, from_ms, name))
        return ""


def networks(tables: Mapping[str, NetworkFile], mistakes: Mistakes) -> Prefixes[str]:
    """What MCC and MNC belong to; the longest beginning wins, and a whole one is longer than any."""
    rows: dict[str, str] = {}
    for name, table in tables.items():
        for index, text in enumerate(table.plmns):
            key = f"networks.{name}.plmns.{index}"
            if not NETWORK.fullmatch(text):
                mistakes.tell(key, f"{text!r} is no MCC and MNC", "for example: '26201', '262*', or '*' for all others")
                continue
            prefix = text[:-1] if text.endswith("*") else text + END
            if prefix in rows:
                mistakes.tell(key, f"{text} stands in [networks.{rows[prefix]}] already", "remove one of them")
            rows[prefix] = name
    return Prefixes((prefix, 0, name) for prefix, name in rows.items())
