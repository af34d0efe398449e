"""Prices by what a subscriber has used in a period: counted when usage is reported, whatever was reserved.

A grant is reserved at the count of its moment and settled at that of its report. Use paid from unit buckets does
not count, and a refund does not count back.
"""

from msgspec.structs import replace

from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.ledger.period_use import PeriodUse
from diameter_ocs.rating.catalogue import GroupRule
from diameter_ocs.rating.period_tiers import Counter, moved
from diameter_ocs.rating.periods import Periods

Uses = tuple[PeriodUse, ...]


def counter_of(rule: GroupRule) -> Counter | None:
    """What its tiers are counted by; None: by the session."""
    return rule.chooser.counter if rule.chooser is not None else None


def priced_now(rule: GroupRule, uses: Uses, priced_units: int, at_ms: int) -> GroupRule:
    """The rule with the tiers that hold for a session that has paid `priced_units` so far."""
    counter = counter_of(rule)
    if counter is None or rule.rate is None:
        return rule
    return replace(rule, rate=moved(rule.rate, _count(uses, counter, at_ms) - priced_units))


def counted(uses: Uses, rule: GroupRule, units: int, payer: Subscriber, at_ms: int) -> Uses:
    """The counts with `units` more; those of periods that are over are left out."""
    counter = counter_of(rule)
    if counter is None or not units:
        return uses
    running = [use for use in uses if use.until_ms > at_ms]
    known = next((use for use in running if use.name == counter.name), None)
    if known is None:
        end_ms = Periods(counter.length, payer.created_ms, counter.zone).next_renewal(at_ms)
        return (*running, PeriodUse(counter.name, end_ms, units))
    return tuple(replace(use, units=use.units + units) if use is known else use for use in running)


def _count(uses: Uses, counter: Counter, at_ms: int) -> int:
    return next((use.units for use in uses if use.name == counter.name and use.until_ms > at_ms), 0)


def with_use(payer: Subscriber, rule: GroupRule, units: int, at_ms: int) -> Subscriber:
    """The subscriber with `units` more on its counts; the same one when nothing counts them."""
    uses = counted(payer.period_use, rule, units, payer, at_ms)
    return payer if uses is payer.period_use else replace(payer, period_use=uses)
