"""A credit pool as a gateway keeps it: what is left of S for all groups that draw on it (RFC 8506 §5.1.2)."""

from dataclasses import dataclass
from fractions import Fraction

from msgspec import Struct


class PoolReference(Struct, frozen=True):
    """G-S-U-Pool-Reference of an answer: the pool that its grant goes into, and what a unit counts there."""

    pool_id: int
    multiplier: Fraction


@dataclass(slots=True, eq=False)
class CreditPool:
    """left: S less what was used, in the abstract units of the pool; below zero when a gateway overuses."""

    left: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Share:
    """How one group draws on a pool."""

    pool: CreditPool
    multiplier: Fraction

    @property
    def units_left(self) -> int:
        """Units that this group may use before the pool is exhausted."""
        return max(0, int(self.pool.left / self.multiplier))

    def draw(self, units: int) -> None:
        self.pool.left -= units * self.multiplier
