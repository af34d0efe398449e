"""Products beside the offers: packs and add-ons, bought once or renewed, with the allowances they bring."""

from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.rating.periods import PeriodLength, Periods
from diameter_ocs.values.units import UnitType

ALL_OF_IT = -1


class Allowance(Struct, frozen=True):
    """Units or money that a product brings, each period anew.

    carried: most of what is left that goes on into later periods; ALL_OF_IT has no most. carried_periods: how
    many of them it lives on. Everything else binds the bucket that is made of it (ledger.terms.BucketTerms).
    """

    name: str
    unit: UnitType
    amount: int
    priority: int = 100
    rating_groups: tuple[int, ...] = ()
    services: tuple[str, ...] = ()
    is_blocking: bool = False
    pays_for: UnitType | None = None
    factor: tuple[int, int] = (1, 1)
    carried: int = 0
    carried_periods: int = 1
    destinations: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()


class Product(Struct, frozen=True):
    """Something that can be bought.

    price_micros: each time it is bought or renewed. period: after which it is renewed, or over if it is not;
    None: it never ends. retry_seconds, grace_seconds: a charge that cannot be paid is tried again so often, for
    so long; then the product is gone. is_shared: everyone of the account may use it, not only who bought it.
    includes: products that come with it, for nothing more.
    """

    name: str
    title: str
    price_micros: int
    period: PeriodLength | None
    renews: bool
    allowances: tuple[Allowance, ...] = ()
    retry_seconds: int = 0
    grace_seconds: int = 0
    is_shared: bool = False
    includes: tuple[str, ...] = ()

    @property
    def length(self) -> str:
        """Of a period, as it is written; empty: it never ends."""
        return "" if self.period is None else str(self.period)

    def end_of(self, index: int, anchor_ms: int, zone: ZoneInfo) -> int:
        """When a period of it ends; 0: never."""
        return 0 if self.period is None else Periods(self.period, anchor_ms, zone).start_of(index + 1)
