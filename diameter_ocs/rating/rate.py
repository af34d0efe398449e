"""What units cost, and how many units an amount pays for. Integers; started steps are paid whole."""

from msgspec import Struct

from diameter_ocs.values.money import divide_up


class Rate(Struct, frozen=True, gc=False):
    """A price per step: 20,000 micro-units per 1,000,000 octets is 0.02 per MB."""

    step_units: int
    step_micros: int


def price_of(rate: Rate, units: int) -> int:
    """Micro-units for a running total of `units`."""
    return divide_up(units, rate.step_units) * rate.step_micros


def price_of_report(rate: Rate, priced_before: int, units: int) -> int:
    """Micro-units for `units` more, on top of what the session has already paid for.

    Priced on the running total, so ten reports of one octet cost one step, not ten.
    """
    return price_of(rate, priced_before + units) - price_of(rate, priced_before)


def units_affordable(rate: Rate, priced_before: int, amount_micros: int, wanted: int) -> int:
    """How many of `wanted` units the amount pays for; what is left of a paid step is free."""
    steps_paid = divide_up(priced_before, rate.step_units)
    if rate.step_micros == 0:
        return wanted
    more_steps = max(amount_micros, 0) // rate.step_micros
    return min(wanted, (steps_paid + more_steps) * rate.step_units - priced_before)
