"""What a person would say who looks at a clock and a calendar: the naive reference for bands of time."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "America/Havana",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
)
"""Whole, half and quarter hours; changes by half an hour, at midnight, across midnight, twice a year and never."""
HOLIDAYS = {"dates": ("2027-01-06", "2028-03-26"), "yearly": ("12-25", "02-29", "03-28", "10-31")}


class Band(NamedTuple):
    """A band as it is written in a catalogue."""

    days: tuple[str, ...] = DAYS
    left_out: tuple[str, ...] = ()
    begins: str = "00:00"
    ends: str = "24:00"

    def toml(self) -> str:
        days, left_out = list(self.days), list(self.left_out)
        return f'days = {days}\nexcept = {left_out}\nfrom = "{self.begins}"\nuntil = "{self.ends}"\n'

    def holds(self, shown: datetime) -> bool:
        today = shown.date()
        return self._holds_since(today, shown) or self._holds_since(today - timedelta(days=1), shown)

    def _holds_since(self, day: date, shown: datetime) -> bool:
        if not is_named(day, self.days) or is_named(day, self.left_out):
            return False
        minute = (shown - datetime(day.year, day.month, day.day)) / timedelta(minutes=1)  # noqa: DTZ001
        begins, ends = minute_of(self.begins), minute_of(self.ends)
        return begins <= minute < (ends if begins < ends else ends + 1440)


def minute_of(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def is_named(day: date, names: Sequence[str]) -> bool:
    if DAYS[day.weekday()] in names:
        return True
    is_holiday = day.isoformat() in HOLIDAYS["dates"] or day.isoformat()[5:] in HOLIDAYS["yearly"]
    return is_holiday and "holidays" in names


def shown(at_ms: int, zone: ZoneInfo) -> datetime:
    """What the clock and the calendar on the wall say."""
    return datetime.fromtimestamp(at_ms / 1000, zone).replace(tzinfo=None)


def first_of(bands: Sequence[Band], at_ms: int, zone: ZoneInfo) -> int:
    """The place of the first band that holds; their number when none does."""
    now = shown(at_ms, zone)
    return next((place for place, band in enumerate(bands) if band.holds(now)), len(bands))


def clock_changes(zone: ZoneInfo, first_year: int, last_year: int) -> Iterator[int]:
    """Hours within which clocks are put forward or back."""
    hour_ms = 60 * MINUTE_MS
    start, end = (int(datetime(year, 1, 1, tzinfo=ZoneInfo("UTC")).timestamp()) for year in (first_year, last_year + 1))
    before = None
    for at_ms in range(start * 1000, end * 1000, hour_ms):
        offset = datetime.fromtimestamp(at_ms / 1000, zone).utcoffset()
        if before is not None and offset != before:
            yield at_ms - hour_ms
        before = offset
