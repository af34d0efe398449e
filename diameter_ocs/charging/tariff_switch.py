"""A price that changes while a quota is out: the single-quota mechanism (RFC 8506 §5.2.2, TS 32.299).

The grant carries the moment of the change and is sized at the dearer price; the report says what was used
before and after. A step of the price costs what holds on the side where it was started: a gateway that splits
at the change is charged alike, however it slices its reports. Usage whose side is not told costs the cheaper
price when the change has passed, else the price before it. `zone`: whose clocks decide, see TimedRates.zone_for.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from diameter_ocs.charging.extras import CreditExtras
from diameter_ocs.charging.request import CreditOutcome, ServiceCredit, TariffChangeUsage
from diameter_ocs.charging.session import Quota
from diameter_ocs.charging.sizing import MS_PER_SECOND, units_of
from diameter_ocs.rating.catalogue import GroupRule
from diameter_ocs.rating.rate import Rate
from diameter_ocs.rating.timed_rates import TimedRates, price_order
from diameter_ocs.values.units import UnitType

Part = tuple[Rate, int, str]
"""Units of a report, what they cost, and in which band of time."""
Side = tuple[Rate, str]


def priced_at(
    rule: GroupRule, timed: TimedRates, zone: ZoneInfo, at_ms: int, *, is_split: bool = True
) -> tuple[GroupRule, int]:
    """The rule as it holds for a grant now, and the change of price inside its validity; 0: none.

    A quota does not outlive a second change. Seconds of continuous time need no split, and some gateways
    cannot split (is_split False): their quota ends at the change itself, and its report costs the price before it.
    """
    policy = rule.quota
    until_ms = at_ms + policy.validity_seconds * MS_PER_SECOND
    now, first_ms = timed.rate_at(at_ms, zone), timed.next_switch(at_ms, zone, until_ms)
    if first_ms is None:
        return replace(rule, rate=now), 0
    if rule.unit is UnitType.SECONDS or not is_split:
        return replace(rule, rate=now, quota=replace(policy, validity_seconds=_seconds(first_ms - at_ms))), 0
    second_ms = timed.next_switch(first_ms, zone, until_ms) or until_ms
    dearer = max(now, timed.rate_at(first_ms, zone), key=price_order)
    return replace(rule, rate=dearer, quota=replace(policy, validity_seconds=_seconds(second_ms - at_ms))), first_ms


def with_switch(quota: Quota, answer: CreditOutcome, switch_ms: int, at_ms: int) -> tuple[Quota, CreditOutcome]:
    """The grant remembers when it was made, and tells the change of price if that falls into its time."""
    if answer.granted is None:
        return quota, answer
    if not switch_ms or switch_ms >= at_ms + (answer.validity_seconds or 0) * MS_PER_SECOND:
        return _noted(quota, at_ms, 0), answer
    extras = replace(answer.extras or CreditExtras(), tariff_change_s=switch_ms // MS_PER_SECOND)
    return _noted(quota, at_ms, switch_ms), replace(answer, extras=extras)


def given_up(quota: Quota, empty: Quota) -> Quota:
    """What is left of a quota whose session closes without a report of it: when it was granted at which prices."""
    memory = quota.memory
    if not (quota.granted and memory.since_ms):
        return empty
    kept = replace(empty.memory, since_ms=memory.since_ms, switch_ms=memory.switch_ms, is_given_up=True)
    return replace(empty, memory=kept)


def _noted(quota: Quota, at_ms: int, switch_ms: int) -> Quota:
    return replace(quota, memory=replace(quota.memory, since_ms=at_ms, switch_ms=switch_ms))


def parts_of(
    timed: TimedRates, zone: ZoneInfo, credit: ServiceCredit, quota: Quota, unit: UnitType, at_ms: int
) -> list[Part]:
    """What was reported at which price, in the order of time."""
    before, after, unsaid = _sides(timed, zone, quota, at_ms)
    units = {before: 0, after: 0, unsaid: 0}
    prices: dict[int | None, Side] = {TariffChangeUsage.BEFORE: before, TariffChangeUsage.AFTER: after}
    order = {before: 0, unsaid: 1, after: 2}
    for used in credit.used:
        units[prices.get(used.side, unsaid)] += units_of(used, unit) or 0
    return [(side[0], units[side], side[1]) for side in sorted(units, key=lambda side: order[side]) if units[side]]


def unsplit(timed: TimedRates, zone: ZoneInfo, quota: Quota, units: int, at_ms: int) -> list[Part]:
    """Units of which nobody says on which side they were used."""
    rate, band = _sides(timed, zone, quota, at_ms)[2]
    return [(rate, units, band)]


def without_first(parts: Sequence[Part], units: int) -> list[Part]:
    """The parts less units that were charged before."""
    kept = []
    for rate, count, band in parts:
        gone = min(units, count)
        units -= gone
        if count > gone:
            kept.append((rate, count - gone, band))
    return kept


def _sides(timed: TimedRates, zone: ZoneInfo, quota: Quota, at_ms: int) -> tuple[Side, Side, Side]:
    """Price before the change, after it, and of what could be either; each with its band of time."""
    was_out = quota.granted or quota.memory.is_given_up
    before = _side(timed, zone, quota.memory.since_ms if was_out else at_ms)
    if not (was_out and quota.memory.switch_ms):
        return before, before, before
    after = _side(timed, zone, quota.memory.switch_ms)
    cheaper = min(before, after, key=lambda side: price_order(side[0]))
    return before, after, cheaper if at_ms >= quota.memory.switch_ms else before


def _side(timed: TimedRates, zone: ZoneInfo, at_ms: int) -> Side:
    return timed.rate_at(at_ms, zone), timed.band_at(at_ms, zone)


def _seconds(span_ms: int) -> int:
    return max(span_ms // MS_PER_SECOND, 1)
