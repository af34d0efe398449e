"""A CSV file of prefixes: a row each, with its destination and, in a rate sheet, its price and since when it holds."""

import csv
import io
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

PRICE_COLUMNS = ("price", "per", "connect_fee", "first_step", "next_step", "minimum_charge")
COLUMNS = ("prefix", "destination", *PRICE_COLUMNS, "valid_from")
SAME_AS = {"zone": "destination"}
MS_PER_SECOND = 1000
TellLine = Callable[[int, str, str, str], None]
"""Takes line, column, rule and suggestion of a mistake."""
Prices = tuple[tuple[str, str], ...]
"""Columns of a row that say its price, with what they say."""


class Row(Struct, frozen=True, gc=False):
    """One row. from_ms: since when it holds, 0: always. prices: columns and texts, as they are written."""

    line: int
    prefix: str
    destination: str
    prices: Prices
    from_ms: int


def read_rows(text: str, zone: ZoneInfo, tell: TellLine) -> list[Row]:
    """The rows that are right; every other line is told. Columns are named in the first line, in any order."""
    reader = csv.reader(io.StringIO(text), strict=True, skipinitialspace=True, delimiter=_delimiter(text))
    columns: list[str] = []
    rows: list[Row] = []
    seen: dict[tuple[str, int], int] = {}
    dates: dict[str, int | None] = {"": 0}
    try:
        for fields in reader:
            line = reader.line_num
            if not fields or fields[0].startswith("#"):
                continue
            if not columns:
                columns = _columns(fields, line, tell)
                if not columns:
                    return []
                continue
            if len(fields) != len(columns):
                tell(
                    line, "", f"has {len(fields)} columns, the first line names {len(columns)}", "add or remove commas"
                )
                continue
            row = _row(dict(zip(columns, fields, strict=True)), line, zone, dates, tell)
            if row is None:
                continue
            before = seen.setdefault((row.prefix, row.from_ms), line)
            if before != line:
                tell(line, "prefix", f"{row.prefix} stands in line {before} already", "remove one of them")
            else:
                rows.append(row)
    except csv.Error as error:
        tell(reader.line_num, "", f"is not CSV: {error}", "quotes come in pairs, around a whole field")
    if not columns:
        tell(1, "", "is empty", "the first line names the columns, such as prefix,destination")
    return rows


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line and not line.startswith("#")), "")
    return max(",;\t", key=first.count)


def _columns(fields: list[str], line: int, tell: TellLine) -> list[str]:
    names = [SAME_AS.get(name, name) for name in (field.strip().lower().lstrip("\ufeff") for field in fields)]
    for name in names:
        if name not in COLUMNS:
            tell(line, name, "is no column here", f"use some of: {', '.join(COLUMNS)}")
    for name in sorted({name for name in names if names.count(name) > 1}):
        tell(line, name, "is a column twice", "remove one of them")
    if "prefix" not in names:
        tell(line, "prefix", "is a column that must be there", "for example: prefix,destination")
    is_right = set(names) <= set(COLUMNS) and len(set(names)) == len(names) and "prefix" in names
    return names if is_right else []


def _row(
    fields: Mapping[str, str], line: int, zone: ZoneInfo, dates: dict[str, int | None], tell: TellLine
) -> Row | None:
    prefix = fields["prefix"].strip().removeprefix("+")
    if not (prefix.isascii() and prefix.isdigit()):
        tell(line, "prefix", f"{fields['prefix']!r} is not digits", "write it as in 4915, without 00")
        return None
    valid_from = fields.get("valid_from", "").strip()
    if valid_from not in dates:
        dates[valid_from] = _instant(valid_from, zone)
    from_ms = dates[valid_from]
    if from_ms is None:
        tell(line, "valid_from", f"{valid_from!r} is not a date", "for example: 2027-01-01 or 2027-01-01T06:00")
        return None
    prices = tuple((name, fields[name].strip()) for name in PRICE_COLUMNS if fields.get(name, "").strip())
    return Row(line, prefix, fields.get("destination", "").strip(), prices, from_ms)


def _instant(text: str, zone: ZoneInfo) -> int | None:
    """Milliseconds since 1970 of a date or a date and time on the operator's clocks; at least 1."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return max(int(moment.timestamp()) * MS_PER_SECOND, 1)
