"""Prices by the time of day in the operator's time zone, and when they change next (RFC 8506 §8.27)."""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.rating.rate import Rate

MINUTES_PER_DAY = 1440
MS_PER_MINUTE = 60_000
MS_PER_DAY = MINUTES_PER_DAY * MS_PER_MINUTE
DAYS_AHEAD = 2
"""A daily tariff that does not change within so many days never does."""


class DailyRates(Struct, frozen=True, gc=False):
    """starts: minute of the local day at which each rate begins, in order, the first at 0. All steps are alike."""

    zone: ZoneInfo
    starts: tuple[int, ...]
    rates: tuple[Rate, ...]

    @property
    def dearest(self) -> Rate:
        return max(self.rates, key=price_order)

    def rate_at(self, at_ms: int) -> Rate:
        """The price at an instant: what a clock on a wall shows decides, also when it is put forward or back."""
        local = datetime.fromtimestamp(at_ms // 1000, self.zone)
        minute = local.hour * 60 + local.minute
        return next(
            rate for start, rate in zip(reversed(self.starts), reversed(self.rates), strict=True) if start <= minute
        )

    def next_switch(self, at_ms: int) -> int | None:
        """The first instant after `at_ms` from which another price holds; None when it never changes."""
        today = at_ms // MS_PER_DAY
        for day in range(today, today + DAYS_AHEAD + 1):
            for switch_ms in _switches(self, day):
                if switch_ms > at_ms:
                    return switch_ms
        return None


def price_order(rate: Rate) -> int:
    """Sorts rates of the same step from cheap to dear."""
    return rate.step_micros


@lru_cache(maxsize=1024)
def _switches(rates: DailyRates, day: int) -> tuple[int, ...]:
    """Every change of price in one day of UTC, found minute by minute so that summer time cannot hide one."""
    start_ms, found = day * MS_PER_DAY, []
    before = rates.rate_at(start_ms - MS_PER_MINUTE)
    for at_ms in range(start_ms, start_ms + MS_PER_DAY, MS_PER_MINUTE):
        rate = rates.rate_at(at_ms)
        if rate != before:
            found.append(at_ms)
            before = rate
    return tuple(found)
