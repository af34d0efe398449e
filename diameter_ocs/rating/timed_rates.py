"""Prices by weekday, calendar and time of day, and when they change next (RFC 8506 §8.27)."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.rating import schedule
from diameter_ocs.rating.local_time import time_zone
from diameter_ocs.rating.rate import Rate
from diameter_ocs.rating.time_bands import TimeBand, first_that_holds


class TimedRates(Struct, frozen=True, cache_hash=True):
    """rates: one for each band, the first band that holds wins; one more is the price when none does.

    All steps are alike. zone: the operator's. follows_subscriber: a subscriber's own zone counts, where it has one.
    """

    zone: ZoneInfo
    bands: tuple[TimeBand, ...]
    rates: tuple[Rate, ...]
    follows_subscriber: bool = False

    @property
    def dearest(self) -> Rate:
        return max(self.rates, key=price_order)

    def zone_for(self, name: str) -> ZoneInfo:
        """The zone whose clocks decide for a subscriber with a time zone of that name; '': it has none.

        A name that this machine's time zones do not know (any more) counts as none.
        """
        if not name or not self.follows_subscriber:
            return self.zone
        try:
            return time_zone(name)
        except ValueError:
            return self.zone

    def rate_at(self, at_ms: int, zone: ZoneInfo) -> Rate:
        """The price at an instant: what a clock on a wall shows decides, also when it is put forward or back."""
        rate: Rate = schedule.value_at(self, zone, at_ms)
        return rate

    def band_at(self, at_ms: int, zone: ZoneInfo) -> str:
        """Name of the band that makes the price at an instant, such as '08:00-15:00'; '': none holds."""
        band = next((band for band in self.bands if band.holds(at_ms, zone)), None)
        return "" if band is None else band.name

    def next_switch(self, at_ms: int, zone: ZoneInfo, until_ms: int | None = None) -> int | None:
        """The first instant after `at_ms` from which another price holds; None: not before `until_ms`, or never."""
        if until_ms is None and len(set(self.rates)) == 1:
            return None
        return schedule.next_change(self, zone, at_ms, until_ms)

    def on_day(self, day: int) -> Sequence[tuple[int, Rate]]:
        """A schedule of prices."""
        return [(minute, self.rates[place]) for minute, place in first_that_holds(self.bands, day)]


def price_order(rate: Rate) -> int:
    """Sorts rates of the same step from cheap to dear."""
    return rate.step_micros
