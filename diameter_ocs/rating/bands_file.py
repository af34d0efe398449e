"""[calendars.NAME] and [bands.NAME] of a catalogue file: named days, and bands of time on them."""

import difflib
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from diameter_ocs.rating.file_values import Table
from diameter_ocs.rating.local_time import MINUTES_PER_DAY, day_of
from diameter_ocs.rating.quota_file import Tell
from diameter_ocs.rating.time_bands import WEEKDAYS, DaySet, TimeBand, kinds_of_days

_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LEAP_YEAR = 2000


def _minute(text: Any) -> int:
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    minute = int(match[1]) * 60 + int(match[2]) if match is not None else -1
    if not 0 <= minute <= MINUTES_PER_DAY:
        raise ValueError(f"{text!r} is not a time of day such as '20:00', at most '24:00'")
    return minute


def _start(minute: int) -> int:
    if minute == MINUTES_PER_DAY:
        raise ValueError("'24:00' is the end of a day: begin at '00:00'")
    return minute


def _date(value: Any) -> int:
    if type(value) is date:
        return day_of(value)
    found = _iso_date(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not a date such as '2027-01-01'")
    return day_of(found)


def _month_and_day(value: Any) -> tuple[int, int]:
    found = _iso_date(f"{_LEAP_YEAR}-{value}")
    if found is None:
        raise ValueError(f"{value!r} is not a month and a day such as '12-25'")
    return found.month, found.day


def _iso_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


CLOCK = WithJsonSchema({"type": "string", "pattern": f"^{_TIME.pattern}$", "description": "Such as '20:00'."})
Minute = Annotated[int, BeforeValidator(_minute), CLOCK]
StartMinute = Annotated[int, BeforeValidator(_minute), AfterValidator(_start), CLOCK]
Date = Annotated[
    int,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "pattern": f"^{_DATE.pattern}$", "description": "Such as '2027-03-26'."}),
]
DayOfYear = Annotated[
    tuple[int, int],
    BeforeValidator(_month_and_day),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{2}-[0-9]{2}$", "description": "Such as '12-25'."}),
]


class CalendarFile(Table):
    """[calendars.NAME]: days by their date, of one year or of every year."""

    dates: list[Date] = []
    yearly: list[DayOfYear] = []


class BandFile(Table):
    """[bands.NAME]: days and calendars, less those of `except`; from ... until, beyond midnight when it is later."""

    days: list[str] = list(WEEKDAYS)
    left_out: Annotated[list[str], Field(alias="except")] = []
    begins: Annotated[StartMinute, Field(alias="from")] = 0
    ends: Annotated[Minute, Field(alias="until")] = MINUTES_PER_DAY


def time_bands(bands: Mapping[str, BandFile], calendars: Mapping[str, CalendarFile], tell: Tell) -> dict[str, TimeBand]:
    """The bands of a file by name; tells what does not fit together."""
    days = {name: DaySet(frozenset((number,))) for number, name in enumerate(WEEKDAYS)}
    for name, calendar in calendars.items():
        key = f"calendars.{name}"
        if name in WEEKDAYS:
            tell(key, f"{name!r} is a day of the week: choose another name")
            continue
        if not calendar.dates and not calendar.yearly:
            tell(key, "has no days: dates = ['2027-01-01'] or yearly = ['12-25']")
        days[name] = DaySet(dates=frozenset(calendar.dates), yearly=frozenset(calendar.yearly))
    return {name: _band(name, band, days, tell) for name, band in bands.items()}


def _band(name: str, file: BandFile, days: Mapping[str, DaySet], tell: Tell) -> TimeBand:
    key, told = f"bands.{name}", []

    def note(at: str, rule: str) -> None:
        told.append(at)
        tell(at, rule)

    chosen = _days(f"{key}.days", file.days, days, note)
    left_out = _days(f"{key}.except", file.left_out, days, note)
    if file.begins == file.ends:
        note(f"{key}.until", "is when it begins, so the band never holds; a whole day is 00:00 until 24:00")
    band = TimeBand(name, chosen, left_out, file.begins, over_midnight(file.begins, file.ends))
    if not told and not any(band.begins_on(day) for day in kinds_of_days((band,))):
        tell(key, "never holds: no day is left of its days")
    return band


def over_midnight(begins: int, ends: int) -> int:
    """The end of a band as minutes from the start of the day on which it begins."""
    return ends if begins < ends else ends + MINUTES_PER_DAY


def _days(key: str, names: list[str], days: Mapping[str, DaySet], tell: Tell) -> DaySet:
    found = DaySet()
    for name in names:
        if name in days:
            found |= days[name]
        else:
            near = difflib.get_close_matches(name, days, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(WEEKDAYS)}"
            tell(key, f"{name!r} is no day of the week and no [calendars.{name}]; {hint}")
    return found
