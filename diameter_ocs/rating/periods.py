"""Periods that follow one another without gap, such as a month from the day of purchase: for renewals and allowances.

Every start is worked out from the anchor, never from the start before it, so a month that begins on the
31st comes back to the 31st after February. Days and longer keep the time on the clock: a time that is left
out when clocks are put forward becomes the first instant after the gap, one that comes twice is its first.
"""

import re
from calendar import monthrange
from datetime import date
from enum import Enum
from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.rating.local_time import MS_PER_DAY, MS_PER_HOUR, date_of, day_of, instant_of, wall_ms

MONTHS_PER_YEAR = 12
DAYS_PER_WEEK = 7
A_MONDAY = day_of(date(1970, 1, 5))


class PeriodUnit(Enum):
    """What a period is counted in."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


MOST = {
    PeriodUnit.HOUR: 876_000,
    PeriodUnit.DAY: 36_500,
    PeriodUnit.WEEK: 5_200,
    PeriodUnit.MONTH: 1_200,
    PeriodUnit.YEAR: 100,
}
"""A period lasts a hundred years at most."""


class PeriodLength(Struct, frozen=True):
    """So many of a unit, from an anchor on. Hours are 3600 seconds each, whatever clocks show.

    is_calendar: one day, week (from Monday), month or year of the calendar, whatever the anchor's day and time.
    """

    count: int
    unit: PeriodUnit
    is_calendar: bool = False

    def __str__(self) -> str:
        """As it is written: '30 days', 'calendar month'."""
        if self.is_calendar:
            return f"calendar {self.unit.value}"
        return f"{self.count} {self.unit.value}{'s' if self.count > 1 else ''}"


_TEXT = re.compile(r"(?:([0-9]{1,9})|(calendar)) ([a-z]+)")
_UNITS = {name: unit for unit in PeriodUnit for name in (unit.value, f"{unit.value}s")}


def parse_period(text: str) -> PeriodLength:
    """'1 month', '30 days', 'calendar month' and the like. Raises ValueError that says what is wrong."""
    match = _TEXT.fullmatch(text)
    if match is None or match[3] not in _UNITS:
        raise ValueError(f"{text!r} is not a period such as '30 days', '1 month' or 'calendar month'")
    unit = _UNITS[match[3]]
    if match[2]:
        if unit is PeriodUnit.HOUR or match[3] != unit.value:
            raise ValueError(f"{text!r}: a calendar period is a calendar day, week, month or year")
        return PeriodLength(1, unit, is_calendar=True)
    count = int(match[1])
    if not 1 <= count <= MOST[unit]:
        raise ValueError(f"{text!r}: a period has 1 to {MOST[unit]:,} {unit.value}s")
    return PeriodLength(count, unit)


class Period(Struct, frozen=True, gc=False):
    """One of them: from start_ms until just before end_ms, where the next one begins. index: 0 for the first."""

    index: int
    start_ms: int
    end_ms: int


class Periods(Struct, frozen=True):
    """All periods of a length that are anchored at an instant, by the clocks of a zone. They go back before it, too.

    Number 0 begins at the anchor itself; a calendar period is number 0 when it holds the anchor.
    """

    length: PeriodLength
    anchor_ms: int
    zone: ZoneInfo

    def start_of(self, index: int) -> int:
        """The instant at which a period begins. Raises OverflowError or ValueError outside the years 1 to 9999."""
        unit, count = self.length.unit, index * self.length.count
        if unit is PeriodUnit.HOUR:
            return self.anchor_ms + count * MS_PER_HOUR
        if not index and not self.length.is_calendar:
            return self.anchor_ms
        day, time_ms = self._anchor()
        if unit is PeriodUnit.DAY:
            day += count
        elif unit is PeriodUnit.WEEK:
            day += count * DAYS_PER_WEEK
        else:
            day = _months_later(day, count * MONTHS_PER_YEAR if unit is PeriodUnit.YEAR else count)
        return instant_of(self.zone, day * MS_PER_DAY + time_ms)

    def period_at(self, at_ms: int) -> Period:
        """The period that holds an instant."""
        index = self._near(at_ms)
        start_ms = self.start_of(index)
        while start_ms > at_ms:
            index -= 1
            start_ms = self.start_of(index)
        while (end_ms := self.start_of(index + 1)) <= at_ms:
            index, start_ms = index + 1, end_ms
        return Period(index, start_ms, end_ms)

    def next_renewal(self, at_ms: int) -> int:
        """The first instant after `at_ms` at which a period begins."""
        return self.period_at(at_ms).end_ms

    def _anchor(self) -> tuple[int, int]:
        """Day, and milliseconds since midnight on the clock, at which all periods begin."""
        day, time_ms = divmod(wall_ms(self.zone, self.anchor_ms), MS_PER_DAY)
        if not self.length.is_calendar:
            return day, time_ms
        unit, when = self.length.unit, date_of(day)
        if unit is PeriodUnit.WEEK:
            day -= (day - A_MONDAY) % DAYS_PER_WEEK
        elif unit is not PeriodUnit.DAY:
            day = day_of(when.replace(day=1) if unit is PeriodUnit.MONTH else when.replace(month=1, day=1))
        return day, 0

    def _near(self, at_ms: int) -> int:
        """The number of a period not far from an instant."""
        unit, count = self.length.unit, self.length.count
        if unit is PeriodUnit.HOUR:
            return (at_ms - self.anchor_ms) // (count * MS_PER_HOUR)
        anchor, day = self._anchor()[0], wall_ms(self.zone, at_ms) // MS_PER_DAY
        if unit is PeriodUnit.DAY or unit is PeriodUnit.WEEK:
            return (day - anchor) // (count * (DAYS_PER_WEEK if unit is PeriodUnit.WEEK else 1))
        first, when = date_of(anchor), date_of(day)
        months = (when.year - first.year) * MONTHS_PER_YEAR + when.month - first.month
        return months // (count * (MONTHS_PER_YEAR if unit is PeriodUnit.YEAR else 1))


def _months_later(day: int, months: int) -> int:
    """The same day of another month, or the last day of it when it has no such day."""
    when = date_of(day)
    year, month = divmod(when.year * MONTHS_PER_YEAR + when.month - 1 + months, MONTHS_PER_YEAR)
    return day_of(date(year, month + 1, min(when.day, monthrange(year, month + 1)[1])))
