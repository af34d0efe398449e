"""What a tariff may say beyond price, connect fee, steps and minimum: tiers, bounds, rounding."""

from bisect import bisect_left

from msgspec import Struct

from diameter_ocs.values.money import Rounding, divide


class Tier(Struct, frozen=True, gc=False):
    """A price per step of the units above a bound."""

    above_units: int
    step_micros: int


class SpecialTerms(Struct, frozen=True, omit_defaults=True, gc=False):
    """All on the running total of a session, each off at its default.

    free_below_units: fewer units than this cost nothing at all. maximum_micros: what it costs at most.
    tiers: in rising order, the first above 0, in place of the one price. is_whole: all units cost what the tier
    of the last one says; else each what the tier says that it falls into. rounding: of connect fee and
    usage together, to multiples of round_to_micros; minimum and maximum hold as they are written.
    """

    free_below_units: int = 0
    maximum_micros: int | None = None
    tiers: tuple[Tier, ...] = ()
    is_whole: bool = False
    rounding: Rounding = Rounding.UP
    round_to_micros: int = 1

    def usage(self, units: int, step_micros: int) -> int:
        """Micro-units for `units` at a price per step, times the units of a step: exact, not yet rounded."""
        tiers = self.tiers
        if not tiers:
            return units * step_micros
        if self.is_whole:
            return units * tiers[max(bisect_left(tiers, units, key=_bound) - 1, 0)].step_micros
        total = 0
        for index, tier in enumerate(tiers):
            if units <= tier.above_units:
                break
            end = tiers[index + 1].above_units if index + 1 < len(tiers) else units
            total += (min(units, end) - tier.above_units) * tier.step_micros
        return total

    def rounded(self, amount: int, by: int) -> int:
        """`amount` / `by` micro-units as multiples of what amounts are rounded to."""
        return divide(amount, by * self.round_to_micros, self.rounding) * self.round_to_micros


def _bound(tier: Tier) -> int:
    return tier.above_units
