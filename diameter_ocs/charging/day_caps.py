"""Daily caps: what a subscriber may still use today of a group, whatever the session.

A grant does not outlive its day: Validity-Time ends at midnight. What is reported of it counts for the day
in which it was granted; what is reported without a grant counts for the day of the report.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.charging.session import Quota, Session
from diameter_ocs.charging.sizing import MS_PER_SECOND
from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.ledger.day_use import DayUse
from diameter_ocs.rating.catalogue import GroupRule, Offer
from diameter_ocs.rating.day_cap import DayCap
from diameter_ocs.values.units import UnitType

Key = tuple[int | None, tuple[int, ...]]
Uses = tuple[DayUse, ...]


def cap_of(rule: GroupRule | None) -> DayCap | None:
    """The daily cap of a group; None: it has none."""
    return rule.quota.tuning.day_cap if rule is not None and rule.quota.tuning is not None else None


def capped_group(offer: Offer | None, key: Key, unit: UnitType) -> tuple[GroupRule, DayCap] | None:
    """The group and its cap for which use in this unit counts; variants of a group share its cap."""
    rule = offer.rule_for(*key) if offer is not None else None
    cap = cap_of(rule)
    return (rule, cap) if rule is not None and cap is not None and rule.unit is unit else None


def by_key(quotas: Iterable[Quota]) -> dict[Key, Quota]:
    """Quotas by rating group and services."""
    return {(quota.rating_group, quota.service_identifiers): quota for quota in quotas}


def counted(uses: Uses, before: Mapping[Key, Quota], after: Iterable[Quota], offer: Offer, at_ms: int) -> Uses:
    """`uses` with what has changed between two states of the quotas of a session; the same value if nothing has."""
    found = {use.group: use for use in uses}
    for quota in after:
        key = (quota.rating_group, quota.service_identifiers)
        rule, old = offer.rule_for(*key), before.get(key)
        cap = cap_of(rule)
        if rule is None or cap is None or quota is old or quota.unit is not rule.unit:
            continue
        if old is None or old.unit is not rule.unit:
            old = Quota(*key, rule.unit)
        found[rule.name] = _moved(today_of(found.values(), rule, cap, at_ms), old, quota, cap)
    latest = max((use.day for use in found.values()), default=0)
    now = tuple(use for use in found.values() if use.day == latest)
    return uses if now == uses else now


def today_of(uses: Iterable[DayUse], rule: GroupRule, cap: DayCap, at_ms: int) -> DayUse:
    """What was used of a group on the day of `at_ms`."""
    today = cap.day_of(at_ms)
    known = next((use for use in uses if use.group == rule.name and use.day == today), None)
    return known or DayUse(rule.name, rule.unit, today, 0, 0)


def _moved(use: DayUse, old: Quota, new: Quota, cap: DayCap) -> DayUse:
    is_of_today = not old.granted or cap.day_of(old.memory.since_ms) == use.day
    used = max(new.used_units - old.used_units, 0) if is_of_today else 0
    promised = new.granted - (old.granted if is_of_today else 0)
    return DayUse(use.group, use.unit, use.day, use.used + used, max(use.promised + promised, 0))


def room_today(uses: Uses, rule: GroupRule, cap: DayCap, at_ms: int) -> int:
    """Units that may still be granted today."""
    use = today_of(uses, rule, cap, at_ms)
    return max(cap.units - use.used - use.promised, 0)


def until_midnight(cap: DayCap, quota: Quota, answer: CreditOutcome, at_ms: int) -> tuple[Quota, CreditOutcome]:
    """The grant remembers its day and ends with it."""
    if answer.granted is None:
        return quota, answer
    left = max((cap.end_of_day(at_ms) - at_ms) // MS_PER_SECOND, 1)
    noted = replace(quota, memory=replace(quota.memory, since_ms=at_ms))
    if answer.validity_seconds is not None and answer.validity_seconds <= left:
        return noted, answer
    return noted, replace(answer, validity_seconds=left)


def with_day_use(decision: Decision, session: Session, subscriber: Subscriber, offer: Offer, at_ms: int) -> Decision:
    """The same decision on a session, whose end gives back what it held of the day's caps."""
    if not offer.has_day_caps or decision.session is None:
        return decision
    uses = counted(subscriber.day_use, by_key(session.quotas), decision.session.quotas, offer, at_ms)
    if uses is subscriber.day_use:
        return decision
    return replace(decision, subscribers=(replace(subscriber, day_use=uses),))
