"""Tiers of a period: a price by what a subscriber has used in a day, week or month, whatever the session."""

from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.rating.periods import PeriodLength
from diameter_ocs.rating.rate import Rate
from diameter_ocs.rating.special_terms import Tier


class Counter(Struct, frozen=True):
    """What is counted under one name, for as long as a period lasts on the clocks of a zone."""

    name: str
    length: PeriodLength
    zone: ZoneInfo


def moved(rate: Rate, units: int) -> Rate:
    """A rate whose tiers begin `units` earlier: for a session before which so many had been used in its period.

    units below 0: later, for a session that had used some before the period began.
    """
    call = rate.call
    if call is None or call.special is None or not units:
        return rate
    reached = [tier for tier in call.special.tiers if tier.above_units <= units][-1:] or call.special.tiers[:1]
    ahead = [Tier(tier.above_units - units, tier.step_micros) for tier in call.special.tiers if tier not in reached]
    tiers = (Tier(0, reached[0].step_micros), *(tier for tier in ahead if tier.above_units > 0))
    return replace(rate, call=replace(call, special=replace(call.special, tiers=tiers)))
