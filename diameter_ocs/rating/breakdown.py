"""A price line by line: connect fee, first step, further steps or tiers, rounding, minimum and maximum.

The lines of a running total add up to rating.rate.price_of, those of a report to price_of_report: exactly.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.rating.rate import CallTerms, Rate, price_of
from diameter_ocs.values.money import divide_up

STEPS, CONNECT, FIRST, NEXT, TIER = "steps", "connect fee", "first step", "next steps", "tier"
FREE, ROUNDING, MINIMUM, MAXIMUM = "free below", "rounding", "minimum charge", "maximum charge"


class Line(Struct, frozen=True, gc=False):
    """Part of a price.

    kind: 'steps', 'connect fee', ... units: that are paid for here, whole steps of them. step_micros per
    step_units: at which price; 0 where there is none. above_units: where the tier begins. amount: micro-units,
    below zero where a maximum or a rounding takes something off, or a cheaper tier takes the place of another.
    """

    kind: str
    amount: int
    units: int = 0
    step_micros: int = 0
    step_units: int = 1
    above_units: int = 0

    @property
    def sort(self) -> tuple[str, int, int, int]:
        """Lines of the same sort can be added."""
        return (self.kind, self.step_micros, self.step_units, self.above_units)


def lines_of(rate: Rate, before: int, units: int) -> list[Line]:
    """The price of `units` more, on top of `before` that were paid for: what each line has grown by."""
    negative = (replace(line, amount=-line.amount, units=-line.units) for line in lines_of_total(rate, before))
    return added_up((*lines_of_total(rate, before + units), *negative))


def added_up(lines: Iterable[Line]) -> list[Line]:
    """Lines of the same sort as one, in the order of their first; those that came to nothing are left out."""
    sums: dict[tuple[str, int, int, int], Line] = {}
    for line in lines:
        known = sums.get(line.sort)
        if known is not None:
            line = replace(known, amount=known.amount + line.amount, units=known.units + line.units)
        sums[line.sort] = line
    return [line for line in sums.values() if line.amount or line.units > 0]


def lines_of_total(rate: Rate, units: int) -> list[Line]:
    """The price of a running total."""
    if units <= 0:
        return []
    call = rate.call
    if call is None:
        billed = divide_up(units, rate.step_units) * rate.step_units
        return [Line(STEPS, price_of(rate, units), billed, rate.step_micros, rate.step_units)]
    special = call.special
    if special is not None and units < special.free_below_units:
        return [Line(FREE, 0, units)]
    lines = [Line(CONNECT, call.connect_micros)] if call.connect_micros else []
    lines += _usage(rate, call, call.billed_units(units))
    return [*lines, *_corrections(rate, call, units, sum(line.amount for line in lines))]


def _usage(rate: Rate, call: CallTerms, billed: int) -> Iterator[Line]:
    """Each line rounded up with all before it, so that what is rounded once on the whole stays so."""
    exact, told = 0, 0
    for kind, units, step_micros, above in _stretches(rate, call, billed):
        exact += units * step_micros
        amount = divide_up(exact, rate.step_units) - told
        told += amount
        yield Line(kind, amount, units, step_micros, rate.step_units, above)


def _stretches(rate: Rate, call: CallTerms, billed: int) -> Iterator[tuple[str, int, int, int]]:
    """Units of one price: kind, units, price per step, where the tier begins."""
    special = call.special
    if special is None or not special.tiers:
        if call.first_units == call.next_units:
            yield STEPS, billed, rate.step_micros, 0
            return
        yield FIRST, call.first_units, rate.step_micros, 0
        if billed > call.first_units:
            yield NEXT, billed - call.first_units, rate.step_micros, 0
        return
    tiers = [tier for tier in special.tiers if tier.above_units < billed]
    if special.is_whole:
        yield TIER, billed, tiers[-1].step_micros, tiers[-1].above_units
        return
    ends = [*(tier.above_units for tier in tiers[1:]), billed]
    for tier, end in zip(tiers, ends, strict=True):
        yield TIER, end - tier.above_units, tier.step_micros, tier.above_units


def _corrections(rate: Rate, call: CallTerms, units: int, amount: int) -> Iterator[Line]:
    """From the sum of the lines before to the price: rounding, then the minimum, then the maximum."""
    special = call.special
    if special is not None:
        usage = special.usage(call.billed_units(units), rate.step_micros)
        rounded = special.rounded(call.connect_micros * rate.step_units + usage, rate.step_units)
        yield Line(ROUNDING, rounded - amount)
        amount = rounded
    yield Line(MINIMUM, max(call.minimum_micros - amount, 0))
    amount = max(amount, call.minimum_micros)
    if special is not None and special.maximum_micros is not None:
        yield Line(MAXIMUM, min(special.maximum_micros - amount, 0))
