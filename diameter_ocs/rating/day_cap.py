"""A cap on what one group may use per calendar day of the operator's time zone."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

MS_PER_SECOND = 1000


class DayCap(Struct, frozen=True, gc=False):
    """units: of the group's unit. A day has 23 to 25 hours where clocks are put forward and back."""

    units: int
    zone: ZoneInfo

    def day_of(self, at_ms: int) -> int:
        """Number of the local day (proleptic Gregorian ordinal)."""
        return self._local(at_ms).toordinal()

    def end_of_day(self, at_ms: int) -> int:
        """The instant at which the next local day begins, milliseconds since 1970 UTC.

        Of a midnight that comes twice the first one counts; one that is skipped stands for the jump itself.
        """
        morning = datetime.combine(self._local(at_ms).date() + timedelta(days=1), time.min, self.zone)
        return int(morning.timestamp()) * MS_PER_SECOND

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms // MS_PER_SECOND, self.zone)
