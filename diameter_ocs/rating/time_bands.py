"""Bands of time by weekday, calendar and time of day, such as "nights and holidays": usable with and without prices."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.rating import schedule
from diameter_ocs.rating.local_time import MINUTES_PER_DAY, date_of, day_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_WEEKDAY = frozenset(range(7))
SAMPLE_DAYS = range(day_of(date(2000, 1, 1)), day_of(date(2028, 1, 1)))
"""28 years hold every date on every weekday."""


class DaySet(Struct, frozen=True, cache_hash=True):
    """Some days: all of those weekdays (0 is Monday), those dates, and those months and days of every year."""

    weekdays: frozenset[int] = frozenset()
    dates: frozenset[int] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def has(self, day: int) -> bool:
        """Is it one of them? day: as in local_time."""
        if (day + 3) % 7 in self.weekdays or day in self.dates:
            return True
        if not self.yearly:
            return False
        when = date_of(day)
        return (when.month, when.day) in self.yearly

    def __or__(self, other: "DaySet") -> "DaySet":
        return DaySet(self.weekdays | other.weekdays, self.dates | other.dates, self.yearly | other.yearly)


class TimeBand(Struct, frozen=True, cache_hash=True):
    """From minute `begins` to minute `ends` of its days, by the clock; beyond 1440 it goes over midnight.

    The hours after midnight belong to the day on which it began. What a clock shows decides, so the hour
    that comes twice in a night is twice in the band or twice out of it.
    """

    name: str
    days: DaySet = DaySet(EVERY_WEEKDAY)
    except_days: DaySet = DaySet()
    begins: int = 0
    ends: int = MINUTES_PER_DAY

    @property
    def is_always(self) -> bool:
        is_whole = self.ends - self.begins == MINUTES_PER_DAY
        return is_whole and self.days.weekdays == EVERY_WEEKDAY and self.except_days == DaySet()

    def begins_on(self, day: int) -> bool:
        """Is it one of its days?"""
        return self.days.has(day) and not self.except_days.has(day)

    def holds(self, at_ms: int, zone: ZoneInfo) -> bool:
        """Is the instant in the band, by the clocks of that zone?"""
        return bool(schedule.value_at(self, zone, at_ms) == 0)

    def next_change(self, at_ms: int, zone: ZoneInfo, until_ms: int | None = None) -> int | None:
        """The first instant after `at_ms` at which it begins or ends; None: not before `until_ms`, or never."""
        if until_ms is None and self.is_always:
            return None
        return schedule.next_change(self, zone, at_ms, until_ms)

    def on_day(self, day: int) -> Sequence[tuple[int, int]]:
        """A schedule: 0 while it holds, 1 while it does not."""
        return first_that_holds((self,), day)

    def minutes_on(self, day: int) -> list[tuple[int, int]]:
        """Parts of a day that are in the band: (from, until)."""
        parts = []
        if self.ends > MINUTES_PER_DAY and self.begins_on(day - 1):
            parts.append((0, self.ends - MINUTES_PER_DAY))
        if self.begins_on(day):
            parts.append((self.begins, min(self.ends, MINUTES_PER_DAY)))
        return parts


def first_that_holds(bands: Sequence[TimeBand], day: int) -> list[tuple[int, int]]:
    """From which minute of a day which band is the first that holds, by its place; their number when none does."""
    parts = [(begins, ends, place) for place, band in enumerate(bands) for begins, ends in band.minutes_on(day)]
    cuts = sorted({0, *(begins for begins, _, _ in parts), *(ends for _, ends, _ in parts)} - {MINUTES_PER_DAY})
    found: list[tuple[int, int]] = []
    for minute in cuts:
        place = min((place for begins, ends, place in parts if begins <= minute < ends), default=len(bands))
        if not found or found[-1][1] != place:
            found.append((minute, place))
    return found


def kinds_of_days(bands: Sequence[TimeBand]) -> tuple[int, ...]:
    """Days that stand for all days there can be: on any other day, the bands hold as on one of them."""
    return _kinds(tuple(dict.fromkeys((band.days, band.except_days) for band in bands)))


@lru_cache(maxsize=1024)
def _kinds(patterns: tuple[tuple[DaySet, DaySet], ...]) -> tuple[int, ...]:
    named = {day for chosen, left_out in patterns for day in chosen.dates | left_out.dates}
    rows: dict[tuple[bool, ...], int] = {}
    for days in (SAMPLE_DAYS, *((day - 1, day, day + 1) for day in sorted(named))):
        before: tuple[bool, ...] | None = None
        for day in days:
            row = tuple(chosen.has(day) and not left_out.has(day) for chosen, left_out in patterns)
            if before is not None:
                rows.setdefault(before + row, day)
            before = row
    return tuple(rows.values())
