"""What holds at an instant when a clock on a wall decides: looked up in plans that are made once per day."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from diameter_ocs.rating.local_time import MINUTES_PER_DAY, MS_PER_DAY, MS_PER_MINUTE, courses

LOOK_AHEAD_MS = 9 * 366 * MS_PER_DAY
"""A change that is not due within nine years never comes: between two 29ths of February there are at most eight."""
PLANS_KEPT = 8192
"""Days of schedules and zones that are remembered."""

Plan = tuple[tuple[int, ...], tuple[Any, ...]]
"""Instants in order, the first the start of a day of UTC, and what holds from each of them on."""


class Schedule(Protocol):
    """What holds when, by the date and the time of day. Hashed at every lookup, so its hash should be kept."""

    def __hash__(self) -> int: ...

    def on_day(self, day: int) -> Sequence[tuple[int, Any]]:
        """From which minute of a local day what holds; in order, the first at minute 0."""


def value_at(schedule: Schedule, zone: ZoneInfo, at_ms: int) -> Any:
    """What holds at an instant."""
    starts, values = _plan(schedule, zone, at_ms // MS_PER_DAY)
    return values[bisect_right(starts, at_ms) - 1]


def next_change(schedule: Schedule, zone: ZoneInfo, at_ms: int, until_ms: int | None) -> int | None:
    """The first instant after `at_ms` and before `until_ms` at which something else holds; None: there is none."""
    if until_ms is None:
        until_ms = at_ms + LOOK_AHEAD_MS
    now = value_at(schedule, zone, at_ms)
    for utc_day in range(at_ms // MS_PER_DAY, -(-until_ms // MS_PER_DAY)):
        starts, values = _plan(schedule, zone, utc_day)
        for start_ms, value in zip(starts, values, strict=True):
            if start_ms > at_ms and value != now:
                return start_ms if start_ms < until_ms else None
    return None


@lru_cache(maxsize=PLANS_KEPT)
def _plan(schedule: Schedule, zone: ZoneInfo, utc_day: int) -> Plan:
    starts: list[int] = []
    values: list[Any] = []
    for since_ms, until_ms, offset_ms in courses(zone, utc_day):
        first, last = since_ms + offset_ms, until_ms + offset_ms - 1
        for day in range(first // MS_PER_DAY, last // MS_PER_DAY + 1):
            midnight_ms = day * MS_PER_DAY
            pieces = schedule.on_day(day)
            ends = [*(begins for begins, _ in pieces[1:]), MINUTES_PER_DAY]
            for (begins, value), ends_at in zip(pieces, ends, strict=True):
                begins_ms = max(midnight_ms + begins * MS_PER_MINUTE, first)
                ends_ms = midnight_ms + ends_at * MS_PER_MINUTE
                if begins_ms < ends_ms and begins_ms <= last and (not values or values[-1] != value):
                    starts.append(begins_ms - offset_ms)
                    values.append(value)
    return tuple(starts), tuple(values)
