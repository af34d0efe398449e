"""Why a grant has the size it has: the same steps as for a gateway, on a copy of the books that nobody keeps."""

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.conditions import UNKNOWN, Conditions, merged
from diameter_ocs.charging.day_caps import by_key, capped_group, counted, room_today, until_midnight
from diameter_ocs.charging.period_tiers import Uses, priced_now
from diameter_ocs.charging.places import surroundings, until_band
from diameter_ocs.charging.pool import Pools
from diameter_ocs.charging.quota import REFUSED_TREATMENTS, affordable, grant, is_unit_supported
from diameter_ocs.charging.request import CreditOutcome, ServiceUnits
from diameter_ocs.charging.session import Quota, Reservation, Session, SessionStatus
from diameter_ocs.charging.sizing import SizeStep, cap_room, least, size_reason, size_steps
from diameter_ocs.charging.tariff_switch import priced_at, with_switch
from diameter_ocs.ledger.account import Account, Status, Subscriber
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.terms import Use
from diameter_ocs.rating.catalogue import DATA, Catalogue, GroupRule, Offer, Treatment
from diameter_ocs.rating.choice import chosen
from diameter_ocs.rating.selection import RatingInput
from diameter_ocs.values.units import format_quantity
from diameter_ocs.values.verdict import Verdict

REFUSED = {**REFUSED_TREATMENTS, Treatment.NOT_CONTROLLED: Verdict.NOT_CHARGED}


class Explanation(Struct, frozen=True, gc=False):
    """What would be answered, and which rules led there. rule None: no group of the offer fits."""

    rule: GroupRule | None
    outcome: CreditOutcome
    steps: tuple[SizeStep, ...] = ()
    reserved: tuple[Reservation, ...] = ()


def explain_grant(
    account: Account,
    subscriber: Subscriber,
    offer: Offer,
    rating_group: int | None,
    services: tuple[int, ...],
    wish: ServiceUnits,
    at_ms: int,
    session: Session | None = None,
    service: str = DATA,
    told: Conditions = UNKNOWN,
    catalogue: Catalogue | None = None,
) -> Explanation:
    """The answer to a wish for quota now, in `session` or in a new one; what that group holds is given back before.

    told: conditions of use that the request would tell. catalogue: for buckets bound to names of it.
    """
    key = (rating_group, services)
    rule = offer.rule_for(*key)
    known = told if session is None else merged(session.conditions, told)
    if rule is not None and rule.chooser is not None:
        rule = chosen(rule, RatingInput(known, services, subscriber.segment), at_ms)
    if rule is None:
        return Explanation(None, CreditOutcome(*key, Verdict.RATING_FAILED))
    if account.status is not Status.ACTIVE or not subscriber.is_served:
        return Explanation(rule, CreditOutcome(*key, Verdict.SERVICE_DENIED))
    if not offer.is_controlled:
        return Explanation(rule, CreditOutcome(*key, Verdict.NOT_CHARGED))
    if rule.treatment in REFUSED:
        return Explanation(rule, CreditOutcome(*key, REFUSED[rule.treatment]))
    if not is_unit_supported(wish, rule.unit):
        return Explanation(rule, CreditOutcome(*key, Verdict.UNIT_TYPE_UNSUPPORTED))
    around = surroundings(account, subscriber, catalogue, known, at_ms) if catalogue is not None else None
    book = Book(account, Use(subscriber.subscriber_id, service, subscriber.is_in_grace, around))
    book.expire(at_ms)
    held, others = Quota(*key), []
    is_open = session is not None and session.status is SessionStatus.OPEN
    for quota in session.quotas if session is not None and is_open else ():
        if (quota.rating_group, quota.service_identifiers) == key:
            held = quota
        else:
            others.append(quota)
    for promise in held.reservations:
        book.release(promise.bucket_id, promise.amount, rating_group, promise.units)
    running = sum(quota.granted > 0 for quota in others)
    pools = Pools(book, session.pools if session is not None and is_open else ())
    pools.release_idle(others)
    group = rating_group if rating_group is not None else offer.default_rating_group
    claimants = max(account.open_sessions - is_open + running + 1, 1)
    group = -1 if group is None else group
    if (session is None or session.may_pool) and pools.takes(held, rule, group, others, at_ms):
        return _explained_in_pool(book, pools, replace(held, pool=None), rule, group, wish, claimants, others, at_ms)
    capped, today = capped_group(offer, key, rule.unit), None
    if capped is not None:
        uses = counted(subscriber.day_use, by_key((held,)), (replace(held, granted=0),), offer, at_ms)
        today = room_today(uses, *capped, at_ms)
    found = _explained(
        book, held, rule, group, wish, claimants, at_ms, subscriber.time_zone, today, subscriber.period_use
    )
    if capped is None:
        return found
    return replace(found, outcome=until_midnight(capped[1], held, found.outcome, at_ms)[1])


def _explained(
    book: Book,
    quota: Quota,
    rule: GroupRule,
    group: int,
    wish: ServiceUnits,
    claimants: int,
    at_ms: int,
    time_zone: str,
    today: int | None,
    uses: Uses,
) -> Explanation:
    timed, switch_ms = rule.timed, 0
    rule = priced_now(rule, uses, quota.priced_units, at_ms)
    if timed is not None:
        rule, switch_ms = priced_at(rule, timed, timed.zone_for(time_zone), at_ms)
    steps = size_steps(wish, rule.quota, rule.unit, quota, today)
    wanted = steps[-1].units
    horizon = max(wanted * claimants, rule.quota.maximum_units) + rule.quota.minimum_units
    sources = affordable(book, rule, group, quota.priced_units, horizon, at_ms, quota.memory.converted_units)
    payable = sum(units for _, units in sources)
    promised, outcome = grant(book, quota, rule, group, wish, claimants, at_ms, today)
    outcome = until_band(book, rule, group, outcome, at_ms)
    if timed is not None:
        promised, outcome = with_switch(promised, outcome, switch_ms, at_ms)
    granted = outcome.granted or 0
    if granted:
        outcome = replace(outcome, sized_by=size_reason(wish, rule.quota, rule.unit, quota, granted))
    if granted != wanted:
        steps.append(SizeStep(_why_less(rule, granted, payable, today, claimants, quota), granted))
    return Explanation(rule, outcome, tuple(steps), promised.reservations if granted else ())


def _explained_in_pool(
    book: Book,
    pools: Pools,
    quota: Quota,
    rule: GroupRule,
    group: int,
    wish: ServiceUnits,
    claimants: int,
    others: list[Quota],
    at_ms: int,
) -> Explanation:
    steps = size_steps(wish, rule.quota, rule.unit, quota)
    wanted = pools.wanted(quota, rule, wish, others)
    if wanted != steps[-1].units:
        steps.append(SizeStep("what the pool lacks, no less than minimum", wanted))
    before = len(book.postings)
    _, outcome = pools.grant(quota, rule, group, wish, claimants, others, at_ms)
    granted = outcome.granted or 0
    if granted:
        outcome = replace(outcome, sized_by=size_reason(wish, rule.quota, rule.unit, quota, granted))
    if granted != wanted:
        is_all = outcome.final is not None or not granted
        why = "all that the balance pays for" if is_all else f"share of one of {claimants} that may ask"
        steps.append(SizeStep(why, granted))
    reserved = tuple(Reservation(each.bucket_id, each.amount, each.units) for each in book.postings[before:])
    return Explanation(rule, outcome, tuple(steps), reserved)


def _why_less(rule: GroupRule, granted: int, payable: int, today: int | None, claimants: int, quota: Quota) -> str:
    """Why the balance or a notice level made a grant smaller than its size."""
    room = least(cap_room(rule.quota, quota), today)
    remaining = room if rule.treatment.costs_nothing else least(payable, room)
    levels = rule.quota.tuning.notice_levels if rule.quota.tuning is not None else ()
    if remaining is not None and granted and remaining - granted in levels:
        return f"up to the notice level {format_quantity(remaining - granted, rule.unit)}"
    if granted == payable:
        return "all that the balance pays for"
    return f"share of one of {claimants} that may ask"
