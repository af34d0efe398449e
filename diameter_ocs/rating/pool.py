"""Credit pools of an offer: prices of several groups as multiples of one abstract unit (RFC 8506 §5.1.2).

A pool exchanges units of one group for units of another at the ratio of their prices. So its groups are
charged in exact proportion to what was used, without started steps.
"""

from collections.abc import Sequence
from math import gcd, lcm

from msgspec import Struct

from diameter_ocs.rating.rate import CallTerms, Rate

UNIT_BY_UNIT = CallTerms(0, 1, 1)
LARGEST_POINTS = 1 << 53
"""Of one grant: gateways that add up in floating point stay exact below."""


class PoolShare(Struct, frozen=True, array_like=True, gc=False):
    """How one group draws on a pool.

    The abstract unit is called a point. multiplier: points per service unit (M of RFC 8506).
    per_micro: points that are worth one micro-unit of money, the same for all groups of a pool.
    """

    pool_id: int
    multiplier: int
    per_micro: int


def pool_shares(pool_id: int, rates: Sequence[Rate]) -> list[PoolShare]:
    """The smallest whole multipliers at which every price is exact, in the order of the rates."""
    steps = [rate.step_units // gcd(rate.step_units, rate.step_micros) for rate in rates]
    per_micro = lcm(*steps)
    return [PoolShare(pool_id, rate.step_micros * per_micro // rate.step_units, per_micro) for rate in rates]


def in_proportion(rate: Rate) -> Rate:
    """The same price without started steps; rounded up to the micro-unit once, on the whole."""
    return Rate(rate.step_units, rate.step_micros, UNIT_BY_UNIT)
