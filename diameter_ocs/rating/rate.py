"""What units cost, and how many units an amount pays for. Integers; started steps are paid whole."""

from msgspec import Struct

from diameter_ocs.rating.special_terms import SpecialTerms
from diameter_ocs.values.money import divide_up


class CallTerms(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a call costs beyond its price per step (such as 60/1: the first minute whole, then by the second).

    connect_micros: once, with the first unit. first_units, next_units: units are counted as one first
    step and then started further steps. minimum_micros: what a call with any unit costs at least.
    special: everything out of the ordinary; None: nothing.
    """

    connect_micros: int
    first_units: int
    next_units: int
    minimum_micros: int = 0
    special: SpecialTerms | None = None

    def billed_units(self, units: int) -> int:
        """Units that are paid for when `units` were used."""
        if units <= self.first_units:
            return self.first_units if units > 0 else 0
        return self.first_units + divide_up(units - self.first_units, self.next_units) * self.next_units

    def most_units(self, billed: int) -> int:
        """How many units may be used when `billed` are paid for."""
        if billed < self.first_units:
            return 0
        return self.first_units + (billed - self.first_units) // self.next_units * self.next_units


class Rate(Struct, frozen=True, omit_defaults=True, gc=False, cache_hash=True):
    """A price per step: 20,000 micro-units per 1,000,000 octets is 0.02 per MB.

    call None: units are counted in steps of `step_units`. With call terms they are counted as those say,
    and the price of a part of a step is rounded up once, on the whole.
    """

    step_units: int
    step_micros: int
    call: CallTerms | None = None


def price_of(rate: Rate, units: int) -> int:
    """Micro-units for a running total of `units`; nothing for none."""
    if rate.call is not None:
        return _price_of_call(rate, rate.call, units)
    return divide_up(units, rate.step_units) * rate.step_micros


def _price_of_call(rate: Rate, call: CallTerms, units: int) -> int:
    if units <= 0:
        return 0
    special = call.special
    if special is not None:
        return _special_price(rate, call, special, units)
    usage = divide_up(call.billed_units(units) * rate.step_micros, rate.step_units)
    return max(call.connect_micros + usage, call.minimum_micros)


def _special_price(rate: Rate, call: CallTerms, special: SpecialTerms, units: int) -> int:
    if units < special.free_below_units:
        return 0
    usage = special.usage(call.billed_units(units), rate.step_micros)
    amount = special.rounded(call.connect_micros * rate.step_units + usage, rate.step_units)
    amount = max(amount, call.minimum_micros)
    return amount if special.maximum_micros is None else min(amount, special.maximum_micros)


def cheaper_beyond(rate: Rate) -> int | None:
    """Units at which one more would make the whole cheaper; None: more never costs less."""
    call = rate.call
    if call is None or call.special is None:
        return None
    bounds = [call.most_units(tier.above_units) for tier in call.special.tiers[1:]]
    return next((units for units in bounds if price_of(rate, units + 1) < price_of(rate, units)), None)


def price_of_report(rate: Rate, priced_before: int, units: int) -> int:
    """Micro-units for `units` more, on top of what the session has already paid for.

    Priced on the running total, so ten reports of one octet cost one step, not ten.
    """
    if rate.call is not None:
        return price_of(rate, priced_before + units) - price_of(rate, priced_before)
    steps = divide_up(priced_before + units, rate.step_units) - divide_up(priced_before, rate.step_units)
    return steps * rate.step_micros


def units_affordable(rate: Rate, priced_before: int, amount_micros: int, wanted: int) -> int:
    """How many of `wanted` units the amount pays for; what is left of a paid step is free.

    Units that cost nothing only in a short call are no credit: the amount has to pay for the first that is charged.
    """
    if rate.call is not None:
        return _affordable_in_call(rate, rate.call, priced_before, amount_micros, wanted)
    steps_paid = divide_up(priced_before, rate.step_units)
    if rate.step_micros == 0:
        return wanted
    more_steps = max(amount_micros, 0) // rate.step_micros
    return min(wanted, (steps_paid + more_steps) * rate.step_units - priced_before)


def _affordable_in_call(rate: Rate, call: CallTerms, priced_before: int, amount_micros: int, wanted: int) -> int:
    budget = price_of(rate, priced_before) + max(amount_micros, 0)
    if call.special is not None:
        return _affordable_by_halving(rate, call.special, priced_before, budget, wanted)
    if price_of(rate, max(priced_before, 1)) > budget:
        return 0
    if rate.step_micros == 0:
        return wanted
    billed = (budget - call.connect_micros) * rate.step_units // rate.step_micros
    return min(wanted, call.most_units(billed) - priced_before)


def _affordable_by_halving(rate: Rate, special: SpecialTerms, priced_before: int, budget: int, wanted: int) -> int:
    """The same for any price that never falls: half of the doubt goes with every step."""
    if price_of(rate, max(priced_before, special.free_below_units)) > budget:
        return 0
    if price_of(rate, priced_before + wanted) <= budget:
        return wanted
    fits, too_much = 0, wanted
    while too_much - fits > 1:
        middle = (fits + too_much) // 2
        if price_of(rate, priced_before + middle) <= budget:
            fits = middle
        else:
            too_much = middle
    return fits
