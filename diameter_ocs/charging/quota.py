"""Credit of one rating group: settle what was used, size and reserve what may be used next.

RFC 8506 §5.6, TS 32.299 §6.5. All functions move units in a Book and return new values.
"""

from collections.abc import Sequence
from functools import cache

from msgspec.structs import replace

from diameter_ocs.charging.basis import basis
from diameter_ocs.charging.final_units import without_credit
from diameter_ocs.charging.request import CreditOutcome, ServiceCredit, ServiceUnits
from diameter_ocs.charging.session import NOTHING_SPECIAL, Quota, Reservation
from diameter_ocs.charging.sizing import (
    MS_PER_SECOND,
    cap_room,
    least,
    recent_use,
    size_steps,
    threshold_of,
    units_of,
    until_level,
    wished_units,
)
from diameter_ocs.charging.tariff_switch import Part, without_first
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.book import FAIR_USE, OVERUSE, Book
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.rating.catalogue import GroupRule, QuotaPolicy, Treatment
from diameter_ocs.rating.final_units import FinalUnitAction
from diameter_ocs.rating.rate import Rate, price_of_report, units_affordable
from diameter_ocs.values.money import LARGEST_MICROS
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

NO_WISH = ServiceUnits()
REFUSED_TREATMENTS = {Treatment.BARRED: Verdict.SERVICE_DENIED, Treatment.NOT_INCLUDED: Verdict.GROUP_NOT_ALLOWED}
MICRO_BY_MICRO = Rate(1, 1)
MONEY_VALIDITY_SECONDS = 3600
MONEY_RULE = GroupRule(
    "money",
    UnitType.MONEY,
    Treatment.CHARGE,
    QuotaPolicy(1, 1, LARGEST_MICROS, MONEY_VALIDITY_SECONDS),
    MICRO_BY_MICRO,
)


def used_units(credit: ServiceCredit, unit: UnitType) -> int:
    """Units of the priced type in all Used-Service-Units of a report."""
    if len(credit.used) == 1:
        return units_of(credit.used[0], unit) or 0
    return sum(units_of(used, unit) or 0 for used in credit.used)


def is_unit_supported(wish: ServiceUnits, unit: UnitType) -> bool:
    """False when the gateway names amounts, but only of unit types that have no price in `unit`.

    Octets and seconds stand in for each other: gateways send both, or the wrong one, for the same traffic.
    """
    if unit is UnitType.OCTETS or unit is UnitType.SECONDS:
        return wish.octets is not None or wish.seconds is not None or (wish.events is None and wish.money is None)
    return units_of(wish, unit) is not None or wish == NO_WISH


def money_rule(rule: GroupRule | None) -> GroupRule:
    """How amounts of money that the gateway has rated itself are charged: as they are, with or without a tariff."""
    if rule is None:
        return MONEY_RULE
    quota = QuotaPolicy(1, 1, LARGEST_MICROS, rule.quota.validity_seconds)
    return GroupRule(
        rule.name, UnitType.MONEY, rule.treatment, quota, MICRO_BY_MICRO, is_partial_allowed=rule.is_partial_allowed
    )


def release_all(book: Book, quota: Quota) -> None:
    """Give back every promise made to a quota."""
    for held in quota.reservations:
        book.release(held.bucket_id, held.amount, quota.rating_group, held.units)


def in_unit(book: Book, quota: Quota, unit: UnitType) -> Quota:
    """The quota counted in another unit from now on: what it held is given back, its totals start anew."""
    release_all(book, quota)
    return Quota(quota.rating_group, quota.service_identifiers, unit, charged_micros=quota.charged_micros)


def settle(
    book: Book,
    quota: Quota,
    rule: GroupRule,
    group: int,
    used: int,
    at_ms: int,
    mark: str = "",
    parts: Sequence[Part] | None = None,
) -> Quota:
    """Release the old reservation and debit every reported unit: first what had been promised, then the rest.

    Money is priced on the session's running total. Units beyond the grant are marked as over-use;
    beyond the balance they take the last resort below zero. Nothing reported is ever dropped; units
    that were charged before on assumption are not charged again. parts: the used units at their
    prices, where those are not all alike.
    """
    release_all(book, quota)
    reported = used
    if quota.assumed_units:
        used = max(used - quota.assumed_units, 0)
    spending = _Spending(book, quota, rule, group)
    if quota.memory.is_slow:
        spending.draw_free(used, mark or FAIR_USE)
    elif rule.treatment is Treatment.RATE_ONLY:
        for rate, units, band in parts if parts is not None else ((rule.rate, used, ""),):
            spending.rate_only(rate, units, band, mark)
    elif rule.treatment is not Treatment.CHARGE and rule.treatment.costs_nothing:
        spending.draw_free(used, mark)
    elif parts is not None:
        _settle_parts(spending, quota, without_first(parts, reported - used), at_ms, mark)
    else:
        for held in quota.reservations:
            if spending.may_draw(held.bucket_id):
                spending.draw(book.bucket(held.bucket_id), min(spending.left(used), held.units), mark)
        spending.overuse(used, at_ms, mark or (OVERUSE if quota.granted else ""))
    tuning = rule.quota.tuning
    memory = quota.memory
    if tuning is not None and tuning.pace_seconds is not None:
        memory = recent_use(quota, used, at_ms)
    if spending.converted_units != memory.converted_units:
        memory = replace(memory, converted_units=spending.converted_units)
    if memory.is_slow:
        memory = replace(memory, is_slow=False)
    return Quota(
        quota.rating_group,
        quota.service_identifiers,
        rule.unit,
        0,
        (),
        spending.priced_units,
        spending.charged_micros,
        quota.used_units + used,
        False,
        quota.assumed_units - (reported - used),
        memory,
        quota.dry or quota.final,
    )


def _settle_parts(spending: "_Spending", quota: Quota, parts: Sequence[Part], at_ms: int, mark: str) -> None:
    """The same for units of different prices, in their order: promises first, then over-use."""
    book = spending.book
    held = [(each.bucket_id, each.units) for each in quota.reservations if spending.may_draw(each.bucket_id)]
    until = 0
    for rate, units, band in parts:
        spending.rule, spending.band = replace(spending.rule, rate=rate), band
        until += units
        while held and spending.left(until) > 0:
            bucket_id, most = held.pop(0)
            part = min(spending.left(until), most)
            spending.draw(book.bucket(bucket_id), part, mark)
            if most > part:
                held.insert(0, (bucket_id, most - part))
        spending.overuse(until, at_ms, mark or (OVERUSE if quota.granted else ""))


class _Spending:
    """Debits of one report, with the running total on which money is priced."""

    __slots__ = (
        "band",
        "book",
        "charged_micros",
        "converted_units",
        "done",
        "group",
        "priced_units",
        "rating_group",
        "rule",
    )

    def __init__(self, book: Book, quota: Quota, rule: GroupRule, group: int) -> None:
        self.book = book
        self.rule = rule
        self.band = ""
        self.group = group
        self.rating_group = quota.rating_group
        self.priced_units = quota.priced_units
        self.charged_micros = quota.charged_micros
        self.converted_units = quota.memory.converted_units
        self.done = 0

    def left(self, used: int) -> int:
        return used - self.done

    def may_draw(self, bucket_id: str) -> bool:
        """Is a bucket that was promised still there, and does the rule of today have a price in its unit?"""
        if not self.book.has(bucket_id):
            return False
        bucket, rule = self.book.bucket(bucket_id), self.rule
        if bucket.unit is UnitType.MONEY:
            return rule.rate is not None
        return bucket.unit is rule.unit or (bucket.terms is not None and bucket.terms.pays_for is rule.unit)

    def rate_only(self, rate: Rate | None, units: int, band: str, mark: str) -> None:
        """Price usage at the running total of the session, and leave the buckets alone."""
        if rate is None or not units:
            self.draw_free(units, mark)
            return
        amount = price_of_report(rate, self.priced_units, units)
        why = basis(self.rule.name, self.rule.unit, rate, UnitType.MONEY, band)
        self.book.rated(amount, units, self.rating_group, mark, why, self.priced_units)
        self.priced_units += units
        self.charged_micros += amount
        self.done += units

    def draw_free(self, units: int, mark: str) -> None:
        if units:
            self.book.free(units, self.rating_group, mark, basis(self.rule.name, self.rule.unit))
        self.done += units

    def draw(self, bucket: Bucket, units: int, mark: str) -> None:
        if units <= 0:
            return
        rule = self.rule
        if bucket.unit is UnitType.MONEY:
            assert rule.rate is not None
            before, why = self.priced_units, basis(rule.name, rule.unit, rule.rate, UnitType.MONEY, self.band)
            amount = price_of_report(rule.rate, before, units)
            self.priced_units += units
            self.charged_micros += amount
        elif bucket.unit is not rule.unit:
            assert bucket.terms is not None
            before, why = self.converted_units, basis(rule.name, rule.unit, conversion(bucket.terms), bucket.unit)
            amount = amount_of(bucket, rule, units, 0, before)
            self.converted_units += units
        else:
            amount, before, why = units, 0, basis(rule.name, rule.unit)
        self.book.debit(bucket.bucket_id, amount, self.rating_group, units, mark, why, before)
        self.done += units

    def overuse(self, used: int, at_ms: int, mark: str) -> None:
        """What was used beyond the promise: from whatever the group may still draw on, then below zero."""
        if self.left(used) <= 0:
            return
        for bucket, units in affordable(
            self.book, self.rule, self.group, self.priced_units, self.left(used), at_ms, self.converted_units
        ):
            self.draw(bucket, units, mark)
        if self.left(used) > 0:
            self._below_zero(self.left(used), mark or OVERUSE)

    def _below_zero(self, units: int, mark: str) -> None:
        bucket = self.book.last_resort(self.rule.unit, self.group, self.rule.rate is not None)
        if bucket is None:
            self.book.unrated(units, self.rating_group, mark, basis(self.rule.name, self.rule.unit))
            self.done += units
        else:
            self.draw(bucket, units, mark)


def affordable(
    book: Book, rule: GroupRule, group: int, priced_before: int, wanted: int, at_ms: int, converted_before: int = 0
) -> list[tuple[Bucket, int]]:
    """Buckets in spend order with the units each pays for, up to `wanted` in all.

    priced_before, converted_before: what money, and buckets of other units, have paid for in the session.
    """
    unit, rate = rule.unit, rule.rate
    sources, is_limited = [], book.is_limited
    spent: dict[UnitType, int] = {}
    for bucket in book.buckets():
        available, terms = bucket.remaining - bucket.reserved, bucket.terms
        if terms is not None:
            if not terms.allows(book.use):
                continue
            available += terms.overdraft
        room = book.room(bucket.unit) if is_limited else None
        if room is not None:
            available = min(available, room - spent.get(bucket.unit, 0))
        if bucket.unit is unit:
            units = available if available < wanted else wanted
        elif rate is not None and bucket.unit is UnitType.MONEY:
            units = units_affordable(rate, priced_before, available, wanted)
        elif terms is not None and terms.pays_for is unit:
            units = units_affordable(conversion(terms), converted_before, available, wanted)
        else:
            continue
        is_usable = bucket.is_usable(group, at_ms)
        if units > 0 and is_usable:
            sources.append((bucket, units))
            wanted -= units
            if not wanted:
                break
            if room is not None:
                paid = amount_of(bucket, rule, units, priced_before, converted_before)
                spent[bucket.unit] = spent.get(bucket.unit, 0) + paid
            if bucket.unit is UnitType.MONEY:
                priced_before += units
            elif bucket.unit is not unit:
                converted_before += units
        if terms is not None and terms.is_blocking and is_usable:
            break
    return sources


def conversion(terms: BucketTerms) -> Rate:
    """What a unit that a bucket pays for as well costs in its own."""
    return _conversion(*terms.factor)


@cache
def _conversion(amount: int, units: int) -> Rate:
    return Rate(units, amount)


def amount_of(bucket: Bucket, rule: GroupRule, units: int, priced: int, converted: int) -> int:
    """What a bucket pays for `units`, on top of what money and other units have paid for before."""
    if bucket.unit is rule.unit:
        return units
    if bucket.unit is UnitType.MONEY:
        assert rule.rate is not None
        return price_of_report(rule.rate, priced, units)
    assert bucket.terms is not None
    return price_of_report(conversion(bucket.terms), converted, units)


def grant(
    book: Book,
    quota: Quota,
    rule: GroupRule,
    group: int,
    wish: ServiceUnits,
    claimants: int,
    at_ms: int,
    today: int | None = None,
) -> tuple[Quota, CreditOutcome]:
    """Reserve the next slice and say so; with nothing left do what the final units of the rule say.

    claimants: sessions and groups that may ask from the same balance, at least one. While it holds a full slice
    for each of them everyone gets what it asked for; below that each gets its share, never less
    than the policy's minimum, and the rest when it is smaller than that. The grant is final when
    nothing is left behind it, of the balance or of what the session may use. today: what is left of a daily cap.
    """
    policy, room = rule.quota, None
    levels: tuple[int, ...] = ()
    is_plain = policy.tuning is None and today is None
    if is_plain:
        wanted = wished_units(wish, policy, rule.unit)
    else:
        wanted = size_steps(wish, policy, rule.unit, quota, today)[-1].units
        levels = policy.tuning.notice_levels if policy.tuning is not None else ()
        room = least(cap_room(policy, quota), today)
        if not wanted:
            return without_credit(quota, rule, at_ms)
    if rule.treatment is not Treatment.CHARGE and rule.treatment.costs_nothing:
        units = wanted if room is None else until_level(levels, room, wanted, policy.minimum_units)
        return granted_quota(
            quota, rule, units, (), policy.validity_seconds, is_final=units == room, to_end=units < wanted
        )
    if book.use.is_frozen:
        return without_credit(quota, rule, at_ms)
    horizon = max(wanted * claimants, policy.maximum_units) + policy.minimum_units
    if levels:
        horizon += levels[0]
    converted = quota.memory.converted_units
    sources = affordable(book, rule, group, quota.priced_units, horizon, at_ms, converted)
    within_reach = sum([units for _, units in sources])
    if not within_reach:
        return without_credit(quota, rule, at_ms)
    units = slice_of_balance(within_reach, wanted, claimants, policy)
    to_end = False
    if not is_plain:
        remaining = within_reach if room is None else min(within_reach, room)
        sliced = min(units, remaining)
        units = until_level(levels, remaining, sliced, policy.minimum_units)
        to_end = units < sliced
        if policy.tuning is not None and policy.tuning.mechanism is not None:
            units = policy.tuning.mechanism.whole(units, remaining)
    reservations, until_ms = _reserve(book, sources, rule, quota, units)
    validity = policy.validity_seconds
    if until_ms is not None:
        validity = max(min(validity, (until_ms - at_ms) // MS_PER_SECOND), 1)
    return granted_quota(
        quota, rule, units, reservations, validity, is_final=units in (within_reach, room), to_end=to_end
    )


def slice_of_balance(within_reach: int, wanted: int, claimants: int, policy: QuotaPolicy) -> int:
    """Size of a grant when `within_reach` units can be paid (all that matters of them)."""
    share = max(within_reach // claimants, policy.minimum_units)
    units = min(wanted, share, within_reach)
    if within_reach - units < policy.minimum_units and within_reach <= policy.maximum_units:
        return within_reach
    return units


def _reserve(
    book: Book, sources: list[tuple[Bucket, int]], rule: GroupRule, quota: Quota, units: int
) -> tuple[tuple[Reservation, ...], int | None]:
    """Promise `units` from the sources; also says when the first bucket among them expires."""
    priced, converted, held, until_ms = quota.priced_units, quota.memory.converted_units, [], None
    for bucket, most in sources:
        part = units if units < most else most
        amount = part
        if bucket.unit is UnitType.MONEY:
            assert rule.rate is not None
            amount = price_of_report(rule.rate, priced, part)
            priced += part
        elif bucket.unit is not rule.unit:
            amount = amount_of(bucket, rule, part, 0, converted)
            converted += part
        book.reserve(bucket.bucket_id, amount, quota.rating_group, part)
        held.append(Reservation(bucket.bucket_id, amount, part))
        expiry = bucket.valid_until_ms
        if expiry is not None and (until_ms is None or expiry < until_ms):
            until_ms = expiry
        units -= part
        if not units:
            break
    return tuple(held), until_ms


def granted_quota(
    quota: Quota,
    rule: GroupRule,
    units: int,
    reservations: tuple[Reservation, ...],
    validity: int,
    *,
    is_final: bool,
    to_end: bool = False,
) -> tuple[Quota, CreditOutcome]:
    """The quota with a grant out, and the answer that tells it.

    to_end: it has to be used up before the next one, so that its report comes at a notice level.
    """
    policy, memory = rule.quota, quota.memory
    if policy.tuning is not None or memory is not NOTHING_SPECIAL:
        memory = replace(memory, restricted_until_ms=0, is_opened=policy.tuning is not None)
    if is_final or to_end:
        threshold = 0
    elif policy.tuning is None:
        threshold = units * policy.threshold_percent // 100
    else:
        threshold = threshold_of(policy, units)
    out = Quota(
        quota.rating_group,
        quota.service_identifiers,
        rule.unit,
        units,
        reservations,
        quota.priced_units,
        quota.charged_micros,
        quota.used_units,
        is_final,
        quota.assumed_units,
        memory,
    )
    outcome = CreditOutcome(
        quota.rating_group,
        quota.service_identifiers,
        Verdict.SUCCESS,
        units,
        rule.unit,
        validity,
        threshold or None,
        policy.holding_seconds,
        _final_action(rule) if is_final else None,
    )
    return out, outcome


def _final_action(rule: GroupRule) -> FinalUnitAction:
    return FinalUnitAction.TERMINATE if rule.final is None else rule.final.action


def refusal(rating_group: int | None, services: tuple[int, ...], verdict: Verdict) -> CreditOutcome:
    """An answer for one group without a grant."""
    return CreditOutcome(rating_group, services, verdict)
