"""One-time events: debit at once, refund, check a balance, tell a price (RFC 8506 §6; TS 32.299 IEC).

An event has no session. What it changed is remembered beside the account: its outcome, so that a repeat gets
the same answer, and what its debit took from which bucket, so that it can be refunded once. Pure.
"""

from collections.abc import Mapping
from enum import IntEnum
from hashlib import sha256
from typing import NoReturn

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder
from msgspec.structs import replace

from diameter_ocs.charging.basis import basis, plan
from diameter_ocs.charging.conditions import UNKNOWN, Conditions, as_kept
from diameter_ocs.charging.decide import BLOCKED, UNCONTROLLED, Terms, offer_of
from diameter_ocs.charging.decision import Decision, Kept, decode_outcome, encode_outcome, refuse
from diameter_ocs.charging.period_tiers import priced_now, with_use
from diameter_ocs.charging.places import surroundings
from diameter_ocs.charging.quota import (
    REFUSED_TREATMENTS,
    affordable,
    amount_of,
    conversion,
    is_unit_supported,
    money_rule,
)
from diameter_ocs.charging.request import CreditOutcome, EventResult, Outcome, ServiceCredit, ServiceUnits
from diameter_ocs.charging.sizing import MS_PER_SECOND, units_of
from diameter_ocs.ledger.account import Account, Status, Subscriber
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.terms import Use
from diameter_ocs.rating.catalogue import DATA, EMERGENCY, Catalogue, GroupRule, Offer, Treatment
from diameter_ocs.rating.choice import chosen
from diameter_ocs.rating.rate import price_of, price_of_report
from diameter_ocs.rating.selection import RatingInput
from diameter_ocs.values.identity import Identity
from diameter_ocs.values.money import LARGEST_MICROS, share_of
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

REFERENCE_OCTETS = 16
NO_WISH = ServiceUnits()


class Action(IntEnum):
    """Requested-Action (RFC 8506 §8.41)."""

    DIRECT_DEBITING = 0
    REFUND_ACCOUNT = 1
    CHECK_BALANCE = 2
    PRICE_ENQUIRY = 3


ENTRY_KIND = {Action.DIRECT_DEBITING: "event_debit", Action.REFUND_ACCOUNT: "event_refund"}


class EventRequest(Struct, frozen=True, omit_defaults=True, gc=False):
    """A CCR with CC-Request-Type EVENT_REQUEST; see SessionRequest for what has the same name there."""

    session_id: str
    request_number: int
    action: Action
    fingerprint: int
    service_context: str
    origin_host: str
    origin_realm: str
    identities: tuple[Identity, ...] = ()
    credits: tuple[ServiceCredit, ...] = ()
    rated_as: str = DATA
    conditions: Conditions = UNKNOWN

    @property
    def key(self) -> str:
        """What tells a repeat: Session-Id and CC-Request-Number (RFC 8506 §9.4 keeps both for an event)."""
        return event_key(self.session_id, self.request_number)

    @property
    def changes_balances(self) -> bool:
        return self.action in ENTRY_KIND

    def remembered_keys(self) -> tuple[str, ...]:
        """Everything that must be looked up before it can be decided."""
        if not self.changes_balances:
            return ()
        return (self.key, *(reference_key(credit.refund) for credit in self.credits if credit.refund))


class Part(Struct, frozen=True, array_like=True, gc=False):
    """What a debit took from one bucket: `amount` in its unit, for `units` of the service."""

    bucket_id: str
    unit: UnitType
    amount: int
    units: int


class Debit(Struct, frozen=True, gc=False):
    """A debit that may be refunded: whose it was, and what it took. used: it was refunded."""

    rating_group: int | None
    unit: UnitType
    parts: tuple[Part, ...]
    used: bool = False

    @property
    def units(self) -> int:
        return sum(part.units for part in self.parts)


_encode = Encoder().encode
_debit = Decoder(Debit)


def event_key(session_id: str, request_number: int) -> str:
    """Under which the outcome of an event is remembered for its repeats."""
    return f"event {request_number} {session_id}"


def reference_key(reference: bytes) -> str:
    """Under which a debit is remembered for its refund."""
    return f"debit {reference.hex()}"


class _Refused(Exception):
    """The event as a whole: nothing of it happens."""

    def __init__(self, verdict: Verdict, detail: str, at: int = 0) -> None:
        super().__init__(detail)
        self.verdict = verdict
        self.detail = detail
        self.at = at


def decide_event(
    request: EventRequest,
    account: Account,
    subscriber: Subscriber,
    kept: Mapping[str, Kept],
    terms: Terms,
    at_ms: int,
) -> Decision:
    """Answer an event of a known subscriber. kept: what is remembered under request.remembered_keys()."""
    earlier = kept.get(request.key) if request.changes_balances else None
    if earlier is not None and earlier.expires_ms > at_ms:
        if earlier.fingerprint == request.fingerprint:
            return Decision(decode_outcome(earlier.content))
        return refuse(Verdict.REPEAT_CONTRADICTS, "Session-Id and CC-Request-Number were used for another event")
    try:
        return _Event(request, account, subscriber, kept, terms, at_ms).decide()
    except _Refused as refused:
        return Decision(_refusal(request, refused))


def tell_price(request: EventRequest, offer: Offer | None, catalogue: Catalogue, at_ms: int) -> Outcome:
    """PRICE_ENQUIRY of somebody unknown: what the units would cost by tariff. No balance is looked at."""
    try:
        return _priced(request, offer, catalogue, at_ms, None)
    except _Refused as refused:
        return _refusal(request, refused)


def offer_for_enquiry(catalogue: Catalogue, rated_as: str) -> Offer | None:
    """What somebody who is not known is told the prices of."""
    offer = catalogue.offers.get(catalogue.enquiry_offer)
    return offer.part(rated_as) if offer is not None else None


def _priced(
    request: EventRequest, offer: Offer | None, catalogue: Catalogue, at_ms: int, payer: Subscriber | None
) -> Outcome:
    cost, wanted, unit = 0, 0, UnitType.EVENTS
    for index, credit in enumerate(request.credits or (ServiceCredit(None),)):
        rule = _rule_of(request, offer, credit, index, at_ms, payer)
        _require_allowed(rule, index)
        if rule.rate is None and not rule.treatment.costs_nothing:
            raise _Refused(Verdict.RATING_FAILED, f"{rule.name} has no price in money", index)
        units = _wanted(rule, credit, index)
        wanted, unit = wanted + units, rule.unit
        if rule.rate is not None:
            cost += _within_limits(price_of(rule.rate, units), index)
    of_one = wanted == 1 and unit is UnitType.EVENTS
    name = UNIT_NAMES.get(request.rated_as.partition("/")[0], "") if of_one else ""
    return Outcome(event=EventResult(catalogue.currency, cost, name))


UNIT_NAMES = {"sms": "message", "mms": "message"}
"""Cost-Unit of one event, where people have a name for it."""


def _rule_of(
    request: EventRequest,
    offer: Offer | None,
    credit: ServiceCredit,
    index: int,
    at_ms: int,
    payer: Subscriber | None,
) -> GroupRule:
    """The rule with the price that holds now for such an event. payer None: somebody who is not known."""
    rule = offer.rule_for(credit.rating_group, credit.service_identifiers) if offer is not None else None
    if rule is not None and rule.chooser is not None:
        segment = payer.segment if payer is not None else ""
        rule = chosen(rule, RatingInput(request.conditions, credit.service_identifiers, segment), at_ms)
        if rule is None and not credit.in_money:
            raise _Refused(Verdict.RATING_FAILED, "no price for this destination", index)
    if credit.in_money and offer is not None:
        return money_rule(rule)
    if rule is None:
        raise _Refused(Verdict.RATING_FAILED, "no tariff for this service", index)
    timed = rule.timed
    if timed is None:
        return rule if payer is None else priced_now(rule, payer.period_use, 0, at_ms)
    zone = timed.zone_for(payer.time_zone if payer is not None else "")
    return replace(rule, rate=timed.rate_at(at_ms, zone))


def _within_limits(amount: int, index: int) -> int:
    if amount > LARGEST_MICROS:
        raise _Refused(Verdict.RATING_FAILED, "it costs more than any amount can be", index)
    return amount


def _require_allowed(rule: GroupRule, index: int) -> None:
    if rule.treatment in REFUSED_TREATMENTS:
        raise _Refused(REFUSED_TREATMENTS[rule.treatment], f"{rule.name} is {rule.treatment.value}", index)


def _wanted(rule: GroupRule, credit: ServiceCredit, index: int) -> int:
    """Units that an event is about; the default of its rule when it names none (centralised units)."""
    wish = credit.requested or NO_WISH
    if not is_unit_supported(wish, rule.unit):
        raise _Refused(Verdict.UNIT_TYPE_UNSUPPORTED, f"{rule.name} is charged in {rule.unit.value}", index)
    return units_of(wish, rule.unit) or rule.quota.default_units


def _refusal(request: EventRequest, refused: _Refused) -> Outcome:
    """One verdict for all; the credit that it is about carries it too, the others nothing."""
    answers = tuple(
        CreditOutcome(
            credit.rating_group,
            credit.service_identifiers,
            refused.verdict if index == refused.at else Verdict.SUCCESS,
        )
        for index, credit in enumerate(request.credits)
    )
    return Outcome(refused.verdict, answers, refused.detail)


class _Event:
    """One event being decided on a book of its own."""

    def __init__(
        self,
        request: EventRequest,
        account: Account,
        subscriber: Subscriber,
        kept: Mapping[str, Kept],
        terms: Terms,
        at_ms: int,
    ) -> None:
        self.request = request
        self.account = account
        self.subscriber = self.payer = subscriber
        self.kept = kept
        self.rules = terms.rules
        self.catalogue = terms.catalogue
        self.offer = offer_of(terms.catalogue, subscriber, request.rated_as)
        self.at_ms = at_ms
        around = surroundings(account, subscriber, terms.catalogue, request.conditions, at_ms)
        self.book = Book(account, Use(subscriber.subscriber_id, request.rated_as, subscriber.is_in_grace, around))
        self.book.expire(at_ms)
        self.remembered: list[Kept] = []
        self.references: list[bytes] = []
        self.cost_micros = 0

    def decide(self) -> Decision:
        """Raises _Refused, and then nothing has happened."""
        action = self.request.action
        if action is Action.PRICE_ENQUIRY:
            return Decision(_priced(self.request, self.offer, self.catalogue, self.at_ms, self.subscriber))
        if action is Action.CHECK_BALANCE:
            return Decision(self._check())
        if action is Action.REFUND_ACCOUNT:
            answers = tuple(self._refund(index, credit) for index, credit in enumerate(self.request.credits))
            return self._commit(answers)
        self._require_service()
        return self._debit()

    # debit ---------------------------------------------------------------------------------------

    def _require_service(self) -> None:
        is_active = self.account.status is Status.ACTIVE and self.subscriber.is_served
        if not is_active and self.request.rated_as != EMERGENCY:
            raise _Refused(Verdict.SERVICE_DENIED, BLOCKED)
        if self.offer is None:
            raise _Refused(
                Verdict.SERVICE_NOT_SOLD,
                f"offer {self.subscriber.offer!r} has no tariff for {self.request.rated_as}",
            )
        if not self.offer.is_controlled:
            raise _Refused(Verdict.NOT_CHARGED, UNCONTROLLED)

    def _debit(self) -> Decision:
        answers = tuple(self._debit_one(index, credit) for index, credit in enumerate(self.request.credits))
        if all(answer.verdict is Verdict.NOT_CHARGED for answer in answers):
            return Decision(Outcome(Verdict.NOT_CHARGED, answers, "the service is not charged"))
        return self._commit(answers)

    def _debit_one(self, index: int, credit: ServiceCredit) -> CreditOutcome:
        key = (credit.rating_group, credit.service_identifiers)
        rule = _rule_of(self.request, self.offer, credit, index, self.at_ms, self.subscriber)
        _require_allowed(rule, index)
        self._require_currency(credit, index)
        wanted = _wanted(rule, credit, index)
        if rule.treatment is Treatment.NOT_CONTROLLED:
            self.references.append(b"")
            return CreditOutcome(*key, Verdict.NOT_CHARGED)
        if rule.treatment is Treatment.FREE:
            self.book.free(wanted, credit.rating_group, basis=basis(rule.name, rule.unit))
            self.references.append(b"")
            return CreditOutcome(*key, granted=wanted, unit=rule.unit, used=wanted)
        if rule.treatment is Treatment.RATE_ONLY:
            self._rate_only(rule, credit, wanted)
            self.references.append(b"")
            return CreditOutcome(*key, granted=wanted, unit=rule.unit, used=wanted)
        parts = self._take(rule, credit, wanted)
        paid = sum(part.units for part in parts if part.unit is UnitType.MONEY)
        self.subscriber = with_use(self.subscriber, rule, paid, self.at_ms)
        got = sum(part.units for part in parts)
        if got < wanted and not (got and rule.is_partial_allowed):
            raise _Refused(Verdict.CREDIT_LIMIT_REACHED, f"not enough credit for {wanted} {rule.unit.value}", index)
        self.cost_micros += sum(part.amount for part in parts if part.unit is UnitType.MONEY)
        self.references.append(self._remember(index, Debit(credit.rating_group, rule.unit, parts)))
        return CreditOutcome(*key, granted=got, unit=rule.unit, used=got)

    def _rate_only(self, rule: GroupRule, credit: ServiceCredit, wanted: int) -> None:
        """Price it, and leave the buckets alone."""
        why = basis(rule.name, rule.unit, rule.rate, UnitType.MONEY, self._band(rule))
        amount = price_of_report(rule.rate, 0, wanted) if rule.rate is not None else 0
        self.book.rated(amount, wanted, credit.rating_group, "", why)
        self.subscriber = with_use(self.subscriber, rule, wanted, self.at_ms)
        self.cost_micros += amount

    def _take(self, rule: GroupRule, credit: ServiceCredit, wanted: int) -> tuple[Part, ...]:
        """Debit up to `wanted` units in spend order, priced as one whole; nothing in the grace of a life cycle."""
        if self.book.use.is_frozen:
            return ()
        parts, priced, converted = [], 0, 0
        for bucket, units in affordable(self.book, rule, self._group(credit), 0, wanted, self.at_ms):
            if bucket.unit is UnitType.MONEY:
                assert rule.rate is not None
                before, why = priced, basis(rule.name, rule.unit, rule.rate, UnitType.MONEY, self._band(rule))
                amount = price_of_report(rule.rate, before, units)
                priced += units
            elif bucket.unit is not rule.unit:
                assert bucket.terms is not None
                before, why = converted, basis(rule.name, rule.unit, conversion(bucket.terms), bucket.unit)
                amount = amount_of(bucket, rule, units, 0, before)
                converted += units
            else:
                amount, before, why = units, 0, basis(rule.name, rule.unit)
            self.book.debit(bucket.bucket_id, amount, credit.rating_group, units, "", why, before)
            parts.append(Part(bucket.bucket_id, bucket.unit, amount, units))
        return tuple(parts)

    def _band(self, rule: GroupRule) -> str:
        """The band of time that makes the price now."""
        timed = rule.timed
        return timed.band_at(self.at_ms, timed.zone_for(self.subscriber.time_zone)) if timed is not None else ""

    def _group(self, credit: ServiceCredit) -> int:
        """The group that buckets are matched against."""
        if credit.rating_group is not None:
            return credit.rating_group
        default = self.offer.default_rating_group if self.offer is not None else None
        return -1 if default is None else default

    def _require_currency(self, credit: ServiceCredit, index: int) -> None:
        wish = credit.requested
        if wish is not None and wish.currency and wish.currency != self.account.currency:
            raise _Refused(
                Verdict.CURRENCY_UNKNOWN, f"the account is in {self.account.currency}, not in {wish.currency}", index
            )

    def _remember(self, index: int, debit: Debit) -> bytes:
        """Keep a debit for its refund; what the gateway has to name then. Unique, and not to be guessed by accident."""
        request = self.request
        text = f"{self.account.account_id} {self.account.last_seq} {index} {request.key} {request.fingerprint}"
        reference = sha256(text.encode()).digest()[:REFERENCE_OCTETS]
        self._keep(reference_key(reference), 0, Raw(_encode(debit)), self.rules.refund_retention_seconds)
        return reference

    def _keep(self, key: str, fingerprint: int, content: Raw, seconds: int) -> None:
        self.remembered.append(Kept(key, fingerprint, content, self.at_ms + seconds * MS_PER_SECOND))

    # refund --------------------------------------------------------------------------------------

    def _refund(self, index: int, credit: ServiceCredit) -> CreditOutcome:
        self._require_currency(credit, index)
        if not credit.refund:
            return self._refund_by_tariff(index, credit)
        key = reference_key(credit.refund)
        kept = self.kept.get(key)
        if kept is None or kept.expires_ms <= self.at_ms:
            self._refuse_refund("the reference was never given for this account, or is too old", index)
        if any(each.key == key for each in self.remembered):
            self._refuse_refund("the reference comes twice", index)
        debit = _debit.decode(kept.content)
        if debit.used:
            self._refuse_refund("the reference was used before", index)
        used = Debit(debit.rating_group, debit.unit, debit.parts, used=True)
        self.remembered.append(Kept(key, 0, Raw(_encode(used)), kept.expires_ms))
        unit = UnitType.MONEY if credit.in_money else debit.unit
        give_back = self._amount_refunded if credit.in_money else self._units_refunded
        units = give_back(credit, debit, index)
        return CreditOutcome(credit.rating_group, credit.service_identifiers, granted=units, unit=unit)

    def _amount_refunded(self, credit: ServiceCredit, debit: Debit, index: int) -> int:
        """Give back an amount of money: no more than the debit took."""
        amount = units_of(credit.requested or NO_WISH, UnitType.MONEY) or 0
        paid = [part for part in debit.parts if part.unit is UnitType.MONEY and self.book.has(part.bucket_id)]
        if amount > sum(part.amount for part in paid):
            self._refuse_refund("less money was debited under this reference, or its bucket has expired", index)
        left = amount
        for part in reversed(paid):
            back = min(left, part.amount)
            if back:
                self.book.give_back(part.bucket_id, back)
            left -= back
        self.cost_micros += amount
        return amount

    def _units_refunded(self, credit: ServiceCredit, debit: Debit, index: int) -> int:
        """Give back as many units as are asked for, or all: the last that were taken first."""
        if not is_unit_supported(credit.requested or NO_WISH, debit.unit):
            raise _Refused(Verdict.UNIT_TYPE_UNSUPPORTED, f"{debit.unit.value} were debited", index)
        units = units_of(credit.requested or NO_WISH, debit.unit) or debit.units
        if units > debit.units:
            self._refuse_refund(f"only {debit.units} {debit.unit.value} were debited under this reference", index)
        left, is_back = units, False
        for part in reversed(debit.parts):
            back = min(left, part.units)
            if back and self.book.has(part.bucket_id):
                self._credit(part, back)
                is_back = True
            left -= back
        if not is_back:
            self._refuse_refund("what was debited came from credit that has expired since", index)
        return units

    def _credit(self, part: Part, units: int) -> None:
        """Give back `units` of one part: never more than it took."""
        amount = share_of(part.amount, units, part.units)
        self.book.give_back(part.bucket_id, amount)
        if part.unit is UnitType.MONEY:
            self.cost_micros += amount

    def _refund_by_tariff(self, index: int, credit: ServiceCredit) -> CreditOutcome:
        """Without a reference: what the units cost today, where the offer allows that."""
        rule = _rule_of(self.request, self.offer, credit, index, self.at_ms, self.subscriber)
        if not rule.is_refund_free:
            self._refuse_refund("a refund needs the Refund-Information of its debit", index)
        units = _wanted(rule, credit, index)
        bucket = self.book.last_resort(rule.unit, self._group(credit), rule.rate is not None)
        if bucket is None:
            self._refuse_refund("the account has no bucket that the refund could go to", index)
        amount = units
        if bucket.unit is UnitType.MONEY:
            assert rule.rate is not None
            amount = _within_limits(price_of(rule.rate, units), index)
            self.cost_micros += amount
        self.book.give_back(bucket.bucket_id, amount)
        return CreditOutcome(credit.rating_group, credit.service_identifiers, granted=units, unit=rule.unit)

    def _refuse_refund(self, why: str, index: int) -> NoReturn:
        raise _Refused(Verdict.REFUND_UNKNOWN, why, index)

    # check and commit ----------------------------------------------------------------------------

    def _check(self) -> Outcome:
        """CHECK_BALANCE: could all of it be debited now? Tried on a book that is thrown away."""
        self._require_service()
        balance = self._money()
        missing = [index for index, credit in enumerate(self.request.credits) if not self._has_enough(index, credit)]
        return Outcome(event=EventResult(self.account.currency, balance_micros=balance, is_enough=not missing))

    def _has_enough(self, index: int, credit: ServiceCredit) -> bool:
        rule = _rule_of(self.request, self.offer, credit, index, self.at_ms, self.subscriber)
        _require_allowed(rule, index)
        self._require_currency(credit, index)
        wanted = _wanted(rule, credit, index)
        if rule.treatment.costs_nothing:
            return True
        return sum(part.units for part in self._take(rule, credit, wanted)) == wanted

    def _money(self) -> int:
        """Money that is there and promised to nobody."""
        usable = [
            bucket
            for bucket in self.book.buckets()
            if bucket.unit is UnitType.MONEY
            and bucket.valid_from_ms <= self.at_ms
            and not bucket.is_expired(self.at_ms)
        ]
        return sum(bucket.available for bucket in usable)

    def _commit(self, answers: tuple[CreditOutcome, ...]) -> Decision:
        request = self.request
        event = EventResult(self.account.currency, self.cost_micros, references=tuple(self.references))
        outcome = Outcome(credits=answers, event=event)
        raw = encode_outcome(outcome)
        self._keep(request.key, request.fingerprint, raw, self.rules.event_retention_seconds)
        after = self.book.account()
        entry = Entry(
            after.account_id,
            after.last_seq,
            self.at_ms,
            ENTRY_KIND[request.action],
            tuple(self.book.postings),
            self.subscriber.subscriber_id,
            request.session_id,
            request.request_number,
            raw,
            reason=request.rated_as,
            fingerprint=request.fingerprint,
            plan=plan(self.catalogue.version, self.subscriber.offer, request.rated_as),
            conditions=as_kept(request.conditions),
        )
        changed = () if self.subscriber is self.payer else (self.subscriber,)
        return Decision(outcome, after, None, changed, entry, kept=tuple(self.remembered))
