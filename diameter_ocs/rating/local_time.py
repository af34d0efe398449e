"""What clocks on walls show: instants of UTC to local wall time and back, exact where clocks are put forward or back.

An instant is integer milliseconds since 1970 UTC (`at_ms`). Wall time is counted alike, as if the zone were UTC
(`wall_ms`); a day is the number of a local date, 0 for 1 January 1970.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MS_PER_SECOND = 1000
MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000
MINUTES_PER_DAY = 1440
EPOCH = date(1970, 1, 1).toordinal()
WALL_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYS_KEPT = 8192
"""Days of zones of which the course of the clock is remembered."""


@lru_cache(maxsize=1024)
def time_zone(name: str) -> ZoneInfo:
    """The zone of a name such as 'Europe/Berlin'. Raises ValueError that says so when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone such as 'Europe/Berlin'") from None


def date_of(day: int) -> date:
    """The calendar date of a day."""
    return date.fromordinal(EPOCH + day)


def day_of(when: date) -> int:
    """The day of a calendar date."""
    return when.toordinal() - EPOCH


def offset_ms(zone: ZoneInfo, at_ms: int) -> int:
    """How far the clocks of a zone are ahead of UTC at an instant."""
    return _ms(datetime.fromtimestamp(at_ms // MS_PER_SECOND, zone).utcoffset())


def wall_ms(zone: ZoneInfo, at_ms: int) -> int:
    """What a clock shows at an instant."""
    return at_ms + offset_ms(zone, at_ms)


@lru_cache(maxsize=DAYS_KEPT)
def day_start(zone: ZoneInfo, day: int) -> int:
    """The instant at which a local day begins: the first midnight of it, or the end of the gap over that."""
    return instant_of(zone, day * MS_PER_DAY)


def day_at(zone: ZoneInfo, at_ms: int) -> int:
    """The local day that an instant belongs to.

    It lasts from its first midnight until that of the next day, even where clocks that are put back across
    midnight show its eve once more.
    """
    day = wall_ms(zone, at_ms) // MS_PER_DAY
    return day + 1 if at_ms >= day_start(zone, day + 1) else day


def instant_of(zone: ZoneInfo, wall_ms: int) -> int:
    """The first instant at which clocks show this time; where they never do, the first after the gap they jump over."""
    shown = WALL_EPOCH + timedelta(seconds=wall_ms // MS_PER_SECOND)
    by_old, by_new = (wall_ms - _ms(shown.replace(tzinfo=zone, fold=fold).utcoffset()) for fold in (0, 1))
    return by_old if by_old <= by_new else _change(zone, by_new, by_old)


def _ms(offset: timedelta | None) -> int:
    assert offset is not None
    return offset.days * MS_PER_DAY + offset.seconds * MS_PER_SECOND


def _change(zone: ZoneInfo, before_ms: int, after_ms: int) -> int:
    """The instant between two at which clocks are put forward or back once."""
    low, high = before_ms // MS_PER_SECOND, after_ms // MS_PER_SECOND
    offset = offset_ms(zone, before_ms)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_ms(zone, middle * MS_PER_SECOND) == offset:
            low = middle
        else:
            high = middle
    return high * MS_PER_SECOND


@lru_cache(maxsize=DAYS_KEPT)
def courses(zone: ZoneInfo, utc_day: int) -> tuple[tuple[int, int, int], ...]:
    """One day of UTC as stretches in which clocks run evenly: (from, until, offset), in order and without gaps."""
    start_ms = utc_day * MS_PER_DAY
    made, since_ms, offset = [], start_ms, offset_ms(zone, start_ms)
    for hour_ms in range(start_ms, start_ms + MS_PER_DAY, MS_PER_HOUR):
        end_ms = hour_ms + MS_PER_HOUR
        if offset_ms(zone, end_ms) == offset:
            continue
        change_ms = _change(zone, hour_ms, end_ms)
        if since_ms < change_ms:
            made.append((since_ms, change_ms, offset))
        since_ms, offset = change_ms, offset_ms(zone, end_ms)
    if since_ms < start_ms + MS_PER_DAY:
        made.append((since_ms, start_ms + MS_PER_DAY, offset))
    return tuple(made)
