"""The ordinary CCR-Update, decided in one go: reports within what was granted, and money or units enough for the next.

Nearly every request is one. What is decided here is decided by charging/decide.py in just the same way, step by step
and for every case there is; tests hold the two against each other. Anything out of the ordinary is left to that.
"""

from diameter_ocs.charging.basis import basis, plan
from diameter_ocs.charging.conditions import merged
from diameter_ocs.charging.decision import Decision, encode_outcome
from diameter_ocs.charging.gateway_profile import GENERIC
from diameter_ocs.charging.quota import is_unit_supported
from diameter_ocs.charging.request import (
    CreditOutcome,
    Outcome,
    ReportingReason,
    RequestType,
    ServiceCredit,
    ServiceUnits,
    SessionRequest,
)
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.charging.session import (
    ANSWERS_KEPT,
    NOTHING_SPECIAL,
    Answer,
    Quota,
    Reservation,
    Session,
    SessionStatus,
)
from diameter_ocs.charging.sizing import MS_PER_SECOND, size_reason, units_of, wished_units
from diameter_ocs.charging.supervision import supervision
from diameter_ocs.ledger.account import Account, Bucket, Status, Subscriber, next_due_ms
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.ledger.life import Stage
from diameter_ocs.rating.catalogue import DATA, Catalogue, GroupRule, Offer, Treatment
from diameter_ocs.rating.rate import price_of_report, units_affordable
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

Key = tuple[int | None, tuple[int, ...]]


def ordinary_update(
    request: SessionRequest,
    account: Account,
    subscriber: Subscriber,
    session: Session | None,
    catalogue: Catalogue,
    rules: ChargingRules,
    at_ms: int,
) -> Decision | None:
    """The decision on an ordinary CCR-Update of packet data; None for every other request."""
    if (
        session is None
        or request.request_type is not RequestType.UPDATE
        or request.request_number <= session.highest_number
        or session.status is not SessionStatus.OPEN
        or session.rated_as != DATA
        or session.offer != subscriber.offer
        or request.gateway is not GENERIC
        or account.status is not Status.ACTIVE
        or subscriber.status is not Status.ACTIVE
        or (subscriber.life is not None and subscriber.life.stage is not Stage.ACTIVE)
        or account.limits
    ):
        return None
    told, known = request.conditions, session.conditions
    if told is not known and merged(known, told) is not known:
        return None
    offer = catalogue.offers.get(subscriber.offer)
    if offer is None or not offer.is_controlled or offer.answers is not None or offer.has_day_caps:
        return None
    if session.tariff != offer.fingerprint:
        return None
    for bucket in account.buckets:
        if bucket.terms is not None or bucket.is_expired(at_ms):
            return None
    update = _Update(request, account, session, offer, catalogue.version, rules, at_ms)
    for credit in request.credits:
        if not update.take(credit):
            return None
    return update.decision(subscriber)


class _Moved:
    """A bucket that something is taken from or promised of."""

    __slots__ = ("bucket", "remaining", "reserved")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.remaining = bucket.remaining
        self.reserved = bucket.reserved

    def moved(self) -> Bucket:
        old = self.bucket
        return Bucket(
            old.bucket_id,
            old.unit,
            self.remaining,
            self.reserved,
            old.priority,
            old.valid_from_ms,
            old.valid_until_ms,
            old.rating_groups,
            old.name,
        )


class _Update:
    """One request on its way: every group is settled and granted before the next, as the general road does it."""

    __slots__ = (
        "account",
        "answered",
        "at_ms",
        "buckets",
        "claimants",
        "offer",
        "outcomes",
        "postings",
        "quotas",
        "request",
        "rules",
        "session",
        "version",
    )

    def __init__(
        self,
        request: SessionRequest,
        account: Account,
        session: Session,
        offer: Offer,
        version: str,
        rules: ChargingRules,
        at_ms: int,
    ) -> None:
        self.request = request
        self.account = account
        self.session = session
        self.offer = offer
        self.version = version
        self.rules = rules
        self.at_ms = at_ms
        self.buckets = {bucket.bucket_id: _Moved(bucket) for bucket in account.buckets}
        self.quotas: dict[Key, Quota] = {(each.rating_group, each.service_identifiers): each for each in session.quotas}
        self.answered: set[Key] = set()
        self.outcomes: list[CreditOutcome] = []
        self.postings: list[Posting] = []
        wanting = {(credit.rating_group, credit.service_identifiers) for credit in request.credits}
        wanting.update([key for key, quota in self.quotas.items() if quota.granted])
        self.claimants = account.open_sessions - 1 + len(wanting)

    def take(self, credit: ServiceCredit) -> bool:
        """Settle a report and grant the next slice. False: it is not ordinary, and what was done here is void."""
        key = (credit.rating_group, credit.service_identifiers)
        quota, wish = self.quotas.get(key), credit.requested
        if quota is None or wish is None or key in self.answered or credit.in_money or len(credit.used) != 1:
            return False
        rule = self.offer.rule_for(*key)
        if rule is None or not is_ordinary(rule) or not _is_ordinary(quota, rule):
            return False
        used = units_of(credit.used[0], rule.unit)
        if (
            not used
            or not 0 < used <= min(quota.granted, self.rules.plausible[rule.unit])
            or credit.reporting_reason == ReportingReason.FINAL
            or not is_unit_supported(wish, rule.unit)
        ):
            return False
        self.answered.add(key)
        settled = self._settle(quota, rule, used)
        return settled is not None and self._grant(key, quota, rule, wish, credit, settled, used)

    def _settle(self, quota: Quota, rule: GroupRule, used: int) -> tuple[int, int] | None:
        """Give every promise back, then debit the report; the running totals of units and money paid."""
        group, postings = quota.rating_group, self.postings
        for held in quota.reservations:
            moved = self.buckets.get(held.bucket_id)
            if moved is None:
                return None
            moved.reserved -= held.amount
            postings.append(Posting(Action.RELEASE, held.bucket_id, held.amount, group, held.units))
        priced, charged, left = quota.priced_units, quota.charged_micros, used
        for held in quota.reservations:
            units = left if left < held.units else held.units
            if units > 0:
                moved, amount, before = self.buckets[held.bucket_id], units, 0
                if moved.bucket.unit is UnitType.MONEY:
                    if rule.rate is None:
                        return None
                    before, why = priced, basis(rule.name, rule.unit, rule.rate, UnitType.MONEY)
                    amount = price_of_report(rule.rate, before, units)
                    priced += units
                    charged += amount
                else:
                    why = basis(rule.name, rule.unit)
                moved.remaining = rest = moved.remaining - amount
                postings.append(
                    Posting(Action.DEBIT, held.bucket_id, amount, group, units, "", None, rest, why, before)
                )
                left -= units
        return None if left else (priced, charged)

    def _grant(
        self,
        key: Key,
        quota: Quota,
        rule: GroupRule,
        wish: ServiceUnits,
        credit: ServiceCredit,
        totals: tuple[int, int],
        used: int,
    ) -> bool:
        """Reserve what is wished for, from the first bucket that pays, if that pays for everybody's wishes."""
        policy, (priced, charged) = rule.quota, totals
        units = wished_units(wish, policy, rule.unit)
        horizon = max(units * self.claimants, policy.maximum_units) + policy.minimum_units
        moved = self._payer(rule, quota.rating_group, priced, horizon)
        if moved is None:
            return False
        bucket, amount = moved.bucket, units
        if bucket.unit is UnitType.MONEY:
            assert rule.rate is not None
            amount = price_of_report(rule.rate, priced, units)
        moved.reserved += amount
        self.postings.append(Posting(Action.RESERVE, bucket.bucket_id, amount, quota.rating_group, units))
        validity, until_ms = policy.validity_seconds, bucket.valid_until_ms
        if until_ms is not None:
            validity = max(min(validity, (until_ms - self.at_ms) // MS_PER_SECOND), 1)
        self.quotas[key] = Quota(
            quota.rating_group,
            quota.service_identifiers,
            rule.unit,
            units,
            (Reservation(bucket.bucket_id, amount, units),),
            priced,
            charged,
            quota.used_units + used,
        )
        outcome = CreditOutcome(
            quota.rating_group,
            quota.service_identifiers,
            Verdict.SUCCESS,
            units,
            rule.unit,
            validity,
            units * policy.threshold_percent // 100 or None,
            policy.holding_seconds,
            None,
            used,
            None,
            credit.reporting_reason,
            size_reason(wish, policy, rule.unit, quota, units),
        )
        self.outcomes.append(outcome)
        return True

    def _payer(self, rule: GroupRule, rating_group: int | None, priced: int, horizon: int) -> _Moved | None:
        """The first bucket that the group may draw on; None when it does not pay for all of the horizon."""
        unit, rate = rule.unit, rule.rate
        group = self.offer.default_rating_group if rating_group is None else rating_group
        for moved in self.buckets.values():
            bucket = moved.bucket
            is_money = bucket.unit is UnitType.MONEY and rate is not None
            if not is_money and bucket.unit is not unit:
                continue
            if (bucket.rating_groups and group not in bucket.rating_groups) or bucket.valid_from_ms > self.at_ms:
                continue
            payable = moved.remaining - moved.reserved
            if is_money:
                assert rate is not None
                payable = units_affordable(rate, priced, payable, horizon)
            return moved if payable >= horizon else None
        return None

    def decision(self, subscriber: Subscriber) -> Decision:
        """New account, session and entry, with the answer kept for repeats."""
        request, old, session, at_ms = self.request, self.account, self.session, self.at_ms
        outcome = Outcome(credits=tuple(self.outcomes))
        raw = encode_outcome(outcome)
        buckets = tuple([moved.moved() for moved in self.buckets.values()])
        quotas = tuple(self.quotas.values())
        seq = old.last_seq + 1
        after = Account(
            old.account_id,
            old.currency,
            old.status,
            buckets,
            seq,
            old.open_sessions,
            old.created_ms,
            old.name,
            next_due_ms(buckets, (), old.owned, old.stages_ms),
            (),
            old.owned,
            old.stages_ms,
        )
        entry = Entry(
            old.account_id,
            seq,
            at_ms,
            "ccr_update",
            tuple(self.postings),
            subscriber.subscriber_id,
            request.session_id,
            request.request_number,
            raw,
            "",
            request.fingerprint,
            plan(self.version, subscriber.offer, DATA),
        )
        supervised = supervision(self.rules, quotas, outcome.credits, session.supervised_seconds, at_ms)
        answer = Answer(request.request_number, request.request_type, request.fingerprint, raw)
        kept = Session(
            session.session_id,
            session.account_id,
            session.subscriber_id,
            session.opened_ms,
            at_ms,
            at_ms + supervised * MS_PER_SECOND,
            request.origin_host or session.origin_host,
            request.origin_realm or session.origin_realm,
            session.service_context,
            SessionStatus.OPEN,
            quotas,
            request.request_number,
            session.opened_seq,
            (*session.answers[1 - ANSWERS_KEPT :], answer),
            0,
            "",
            supervised,
            DATA,
            session.conditions,
            session.offer,
            self.offer.fingerprint,
            session.may_pool,
            session.pools,
        )
        return Decision(outcome, after, kept, (), entry)


def is_ordinary(rule: GroupRule) -> bool:
    """Charged by one price and a policy without extras."""
    return (
        rule.treatment is Treatment.CHARGE
        and rule.chooser is None
        and rule.timed is None
        and rule.quota.tuning is None
        and rule.pool is None
        and rule.unit is not UnitType.MONEY
    )


def _is_ordinary(quota: Quota, rule: GroupRule) -> bool:
    """Granted, not for the last time, and with nothing to remember."""
    return (
        quota.unit is rule.unit
        and not quota.final
        and not quota.assumed_units
        and quota.pool is None
        and quota.memory is NOTHING_SPECIAL
    )
