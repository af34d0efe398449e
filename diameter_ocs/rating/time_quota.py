"""How a gateway counts the seconds of a quota while nobody uses it (TS 32.299 §6.5)."""

from enum import IntEnum

from msgspec import Struct


class TimeQuotaType(IntEnum):
    """Time-Quota-Type (TS 32.299 §7.2).

    DISCRETE: the first packet books a whole interval, the next packet after its end another one.
    CONTINUOUS: intervals follow each other while each has traffic, the first empty one is counted and ends it.
    """

    DISCRETE = 0
    CONTINUOUS = 1


class TimeQuotaMechanism(Struct, frozen=True, gc=False):
    """Time-Quota-Mechanism: grants are multiples of base_seconds (Base-Time-Interval)."""

    type: TimeQuotaType
    base_seconds: int

    def whole(self, units: int, remaining: int) -> int:
        """Seconds in whole intervals, at least one; less only when not even one remains."""
        return min(max(units - units % self.base_seconds, self.base_seconds), max(remaining, units))
