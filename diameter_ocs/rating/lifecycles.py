"""How long the stages of a subscriber's life last, as an offer says; recharge/lifecycle.py lets them pass."""

from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.rating.periods import PeriodLength, Periods


class TopUp(Struct, frozen=True):
    """A top-up of `at_least_micros` keeps a subscriber active for `length` from then on."""

    at_least_micros: int
    length: PeriodLength


class Lifecycle(Struct, frozen=True):
    """Lengths of stages. unused, active, expired None: the stage has no end; grace None: there is no such stage.

    top_ups: from the smallest to the largest; empty: every top-up of money counts like the first use.
    expired_returns: a top-up brings back who has expired, too.
    """

    name: str
    starts_active: bool
    unused: PeriodLength | None
    active: PeriodLength | None
    grace: PeriodLength | None
    expired: PeriodLength | None
    top_ups: tuple[TopUp, ...] = ()
    expired_returns: bool = True

    def top_up_of(self, micros: int) -> TopUp | None:
        """What a top-up of so much money counts as; None: nothing."""
        return next((each for each in reversed(self.top_ups) if micros >= each.at_least_micros), None)


def ends(length: PeriodLength | None, at_ms: int, zone: ZoneInfo) -> int:
    """When a period that begins now is over; 0: never."""
    return 0 if length is None else Periods(length, at_ms, zone).start_of(1)
