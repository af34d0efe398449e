"""What a subscriber has used of a tariff whose tiers are those of a period, over all sessions."""

from msgspec import Struct


class PeriodUse(Struct, frozen=True, array_like=True, gc=False):
    """units: paid with money in the period that ends at until_ms. name: of rating.period_tiers.Counter."""

    name: str
    until_ms: int
    units: int
