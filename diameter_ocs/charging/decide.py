"""What a session request does to an account and what it is answered (RFC 8506 §5, §7; TS 32.299 SCUR).

One request is one atomic step: debit what was used, give old promises back, rate, promise anew,
keep the answer for repeats. Pure: account, session, terms and time in, a Decision out.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.basis import plan
from diameter_ocs.charging.commands import AbortSession
from diameter_ocs.charging.conditions import Conditions, as_kept, changes, merged
from diameter_ocs.charging.day_caps import by_key, capped_group, counted, room_today, until_midnight
from diameter_ocs.charging.decision import Decision, decode_outcome, encode_outcome, refuse
from diameter_ocs.charging.extras import CreditExtras
from diameter_ocs.charging.final_units import after_final_units, final_extras, nameless_report, redirect_address
from diameter_ocs.charging.gateway_limits import answer_within, final_within, renewing, rule_within
from diameter_ocs.charging.gateway_profile import GENERIC
from diameter_ocs.charging.grant_extras import with_policy
from diameter_ocs.charging.notices import notices
from diameter_ocs.charging.ordinary import ordinary_update
from diameter_ocs.charging.period_tiers import Uses, priced_now, with_use
from diameter_ocs.charging.places import surroundings, until_band, watched
from diameter_ocs.charging.pool import Pools, may_pool
from diameter_ocs.charging.quota import (
    NO_WISH,
    REFUSED_TREATMENTS,
    grant,
    in_unit,
    is_unit_supported,
    money_rule,
    refusal,
    release_all,
    settle,
    used_units,
)
from diameter_ocs.charging.request import (
    CreditOutcome,
    Outcome,
    ReportingReason,
    RequestType,
    ServiceCredit,
    ServiceUnits,
    SessionRequest,
)
from diameter_ocs.charging.rules import ChargingRules, Silence, UnknownSession
from diameter_ocs.charging.session import (
    ANSWERS_KEPT,
    MAX_QUOTAS,
    NOTHING_SPECIAL,
    Answer,
    Pool,
    Quota,
    QuotaMemory,
    Session,
    SessionStatus,
)
from diameter_ocs.charging.sizing import LIMITED, MS_PER_SECOND, POOLED, size_reason, units_of
from diameter_ocs.charging.slow import slowed
from diameter_ocs.charging.supervision import supervision
from diameter_ocs.charging.tariff_switch import Part, given_up, parts_of, priced_at, unsplit, with_switch
from diameter_ocs.ledger.account import Account, Status, Subscriber
from diameter_ocs.ledger.book import ASSUMED, IMPLAUSIBLE, LATE, OTHER_UNIT, Book
from diameter_ocs.ledger.day_use import DayUse
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.terms import Use
from diameter_ocs.rating.catalogue import (
    CALLS,
    DATA,
    EMERGENCY,
    EMERGENCY_OFFER,
    Catalogue,
    GroupRule,
    Offer,
    Treatment,
)
from diameter_ocs.rating.choice import chosen, held
from diameter_ocs.rating.pool import PoolShare
from diameter_ocs.rating.selection import RatingInput
from diameter_ocs.rating.timed_rates import TimedRates
from diameter_ocs.values.portal_link import PortalKey
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

ENTRY_KIND = {
    RequestType.INITIAL: "ccr_initial",
    RequestType.UPDATE: "ccr_update",
    RequestType.TERMINATION: "ccr_termination",
}
Key = tuple[int | None, tuple[int, ...]]
"""Rating-Group and Service-Identifiers of a quota."""
MAX_CLAIMANTS = 64
"""More sessions than this do not make a slice of a low balance any smaller."""
BLOCKED = "account or subscriber is blocked, or the subscriber has expired"
TERMINATED = "terminated by the gateway"
UNCONTROLLED = "the offer has no credit control"
NEVER_OPENED = "reported by a gateway, never opened here"


class FormerOffer(Struct, frozen=True):
    """An offer as it was sold by an earlier version of the catalogue."""

    version: str
    offer: Offer


class Terms(Struct, frozen=True):
    """What is sold and how sessions are supervised: the same for every decision of a batch.

    portal: signs the links of redirects; None: no link is signed. former: offers as they were sold before, by name
    and fingerprint.
    """

    catalogue: Catalogue
    rules: ChargingRules
    portal: PortalKey | None = None
    former: Mapping[tuple[str, int], FormerOffer] = {}


def offer_of(catalogue: Catalogue, subscriber: Subscriber, rated_as: str) -> Offer | None:
    """What a subscriber bought, as one service sees it; None when it does not include that service."""
    return _part(catalogue.offers.get(subscriber.offer), rated_as)


def offer_granted_by(terms: Terms, name: str, tariff: int, rated_as: str) -> tuple[str, Offer | None]:
    """An offer by name, as it was when its fingerprint was `tariff`, and the version that sold it so.

    As it is now, when nobody knows that any more.
    """
    offer = terms.catalogue.offers.get(name)
    former = terms.former.get((name, tariff))
    if former is not None and (offer is None or offer.fingerprint != tariff):
        return former.version, _part(former.offer, rated_as)
    return terms.catalogue.version, _part(offer, rated_as)


def _part(offer: Offer | None, rated_as: str) -> Offer | None:
    if rated_as == DATA:
        return offer
    return offer.part(rated_as) if offer is not None else EMERGENCY_OFFER if rated_as == EMERGENCY else None


def decide_session_request(
    request: SessionRequest,
    account: Account,
    subscriber: Subscriber,
    session: Session | None,
    terms: Terms,
    at_ms: int,
) -> Decision:
    """Answer a CCR-Initial, -Update or -Termination of a known subscriber.

    `session` is the stored session of that Session-Id, open or closed, or None.
    """
    ordinary = ordinary_update(request, account, subscriber, session, terms.catalogue, terms.rules, at_ms)
    if ordinary is not None:
        return ordinary
    return decide_in_general(request, account, subscriber, session, terms, at_ms)


def decide_in_general(
    request: SessionRequest,
    account: Account,
    subscriber: Subscriber,
    session: Session | None,
    terms: Terms,
    at_ms: int,
) -> Decision:
    """The same for every request there is, ordinary ones too; see charging/ordinary.py."""
    if session is not None:
        earlier = _earlier_answer(session, request, subscriber)
        if earlier is not None:
            return earlier
    step = _Step(request, account, subscriber, session, terms, at_ms)
    if request.request_type is RequestType.INITIAL:
        return step.open()
    if session is None:
        return step.record_unknown()
    if session.status is SessionStatus.CLOSED:
        return step.settle_late(session)
    if request.request_type is RequestType.TERMINATION:
        return step.terminate(session)
    return step.update(session)


def changed_service(rated_as: str, changed_to: str) -> str:
    """What a session is rated as once it has become another service; its direction stays. Empty: it stays as it is.

    Only calls change, by their media.
    """
    service, slash, direction = rated_as.partition("/")
    if service == changed_to or service not in CALLS or changed_to not in CALLS:
        return ""
    return f"{changed_to}{slash}{direction}"


def expire_session(
    account: Account,
    session: Session,
    offer: Offer | None,
    rules: ChargingRules,
    at_ms: int,
    time_zone: str = "",
    payer: Subscriber | None = None,
) -> Decision:
    """Close a session whose supervision is over; its reservation is released or charged by policy.

    time_zone: the subscriber's. payer: the subscriber, whose use of a period counts; None: it is gone.
    """
    if session.status is SessionStatus.CLOSED or session.expires_ms > at_ms:
        return refuse(Verdict.NOT_FOUND, "the session is not due")
    silent_seconds = (at_ms - session.last_ms) // MS_PER_SECOND
    reason = f"no request for {silent_seconds} s; reservation: {rules.silence.value}"
    return _close_unheard(account, session, offer, rules, at_ms, "session_expired", reason, "silent", time_zone, payer)


def abort_session(
    command: AbortSession,
    account: Account,
    session: Session,
    offer: Offer | None,
    rules: ChargingRules,
    at_ms: int,
    time_zone: str = "",
    payer: Subscriber | None = None,
) -> Decision:
    """Close a session that its gateway does not have any more. time_zone, payer: see expire_session."""
    if session.status is SessionStatus.CLOSED:
        return refuse(Verdict.NOT_FOUND, "the session is closed")
    if command.unheard_since_ms is not None and session.last_ms >= command.unheard_since_ms:
        return refuse(Verdict.NOT_FOUND, "the gateway has spoken of the session since")
    reason, settling = command.reason, offer if command.is_silent else None
    return _close_unheard(account, session, settling, rules, at_ms, "session_aborted", reason, reason, time_zone, payer)


def _close_unheard(
    account: Account,
    session: Session,
    offer: Offer | None,
    rules: ChargingRules,
    at_ms: int,
    kind: str,
    reason: str,
    why: str,
    time_zone: str,
    payer: Subscriber | None,
) -> Decision:
    """Close a session without a last report: its reservations are settled by policy, or released without an offer."""
    book = Book(account, Use(session.subscriber_id, session.rated_as))
    told = session.conditions
    quotas: tuple[Quota, ...] = ()
    before = payer
    pools = Pools(book, session.pools)
    last_of_pools = {quota.pool.pool_id: quota for quota in session.quotas if quota.pool is not None}
    for quota in session.quotas:
        if quota.pool is not None:
            is_last = quota in last_of_pools.values()
            quotas = (*quotas, _give_up_in_pool(pools, quota, offer, rules, at_ms, is_last=is_last))
            continue
        uses = payer.period_use if payer is not None else ()
        empty, rule = _give_up(book, quota, offer, rules, at_ms, time_zone, told, uses)
        quotas = (*quotas, empty)
        if rule is not None and payer is not None:
            payer = with_use(payer, rule, empty.priced_units - quota.priced_units, at_ms)
    pools.release_all()
    book.expire(at_ms)
    after = book.account(opened_sessions=-1)
    entry = Entry(
        account.account_id,
        after.last_seq,
        at_ms,
        kind,
        tuple(book.postings),
        session.subscriber_id,
        session.session_id,
        reason=reason,
    )
    closed = _session(
        session,
        quotas=quotas,
        expires_ms=_forget_at(rules, at_ms),
        last_ms=session.last_ms,
        closed_ms=at_ms,
        why=why,
        pools=pools.kept(),
    )
    changed = (payer,) if payer is not None and payer is not before else ()
    return Decision(Outcome(detail=reason), after, closed, changed, entry)


def _give_up(
    book: Book,
    quota: Quota,
    offer: Offer | None,
    rules: ChargingRules,
    at_ms: int,
    time_zone: str,
    told: Conditions,
    uses: Uses,
) -> tuple[Quota, GroupRule | None]:
    """The quota without its grant, and by which rule that was charged; None: it was released."""
    rule = offer.rule_for(quota.rating_group, quota.service_identifiers) if offer is not None else None
    if rule is not None and rule.chooser is not None:
        rule = held(rule, quota.memory.variant, told, at_ms) or rule
    if quota.unit is UnitType.MONEY:
        rule = money_rule(rule)
    if rule is None or rule.unit is not quota.unit or rules.silence is Silence.RELEASE or offer is None:
        release_all(book, quota)
        return given_up(quota, _empty(quota)), None
    group = _effective_group(quota.rating_group, offer)
    parts, timed = None, rule.timed
    if timed is not None:
        parts = unsplit(timed, timed.zone_for(time_zone), quota, quota.granted, at_ms)
    priced = priced_now(rule, uses, quota.priced_units, at_ms)
    settled = settle(book, quota, priced, group, quota.granted, at_ms, ASSUMED, parts)
    return given_up(quota, _empty(settled, assumed=quota.granted)), rule


def _give_up_in_pool(
    pools: Pools, quota: Quota, offer: Offer | None, rules: ChargingRules, at_ms: int, *, is_last: bool
) -> Quota:
    rule = offer.rule_for(quota.rating_group, quota.service_identifiers) if offer is not None else None
    if rule is None or offer is None or rules.silence is Silence.RELEASE or rule.unit is not quota.unit:
        return _empty(quota)
    group = _effective_group(quota.rating_group, offer)
    return pools.assume(quota, rule, group, at_ms, is_last=is_last)


def _empty(quota: Quota, assumed: int = 0) -> Quota:
    """The quota with nothing out at the gateway; what it used and cost stays on record."""
    memory = quota.memory
    return Quota(
        quota.rating_group,
        quota.service_identifiers,
        quota.unit,
        0,
        (),
        quota.priced_units,
        quota.charged_micros,
        quota.used_units,
        False,
        assumed,
        QuotaMemory(
            variant=memory.variant,
            former_offer=memory.former_offer,
            former_tariff=memory.former_tariff,
            converted_units=memory.converted_units,
        )
        if memory is not NOTHING_SPECIAL
        else NOTHING_SPECIAL,
    )


def _effective_group(rating_group: int | None, offer: Offer) -> int:
    """The group that buckets are matched against."""
    if rating_group is not None:
        return rating_group
    return offer.default_rating_group if offer.default_rating_group is not None else -1


def _earlier_answer(session: Session, request: SessionRequest, subscriber: Subscriber) -> Decision | None:
    """RFC 8506 §5.7 and RFC 6733 §5.5.4: the same key gets the same answer, other content an error.

    Of a gateway that uses numbers again, other content is another request. subscriber: whose session it is.
    """
    is_used = False
    for answer in session.answers:
        if answer.request_number == request.request_number:
            if is_repeat(request, answer) and not _opens_another(request, session, subscriber):
                return Decision(decode_outcome(answer.outcome))
            is_used = True
    if not is_used or request.gateway.reuses_numbers:
        return None
    return refuse(
        Verdict.REPEAT_CONTRADICTS, f"CC-Request-Number {request.request_number} was used before for another request"
    )


def _opens_another(request: SessionRequest, session: Session, subscriber: Subscriber) -> bool:
    """Gateways open their sessions with the same words: one that took a Session-Id again means somebody else."""
    if request.request_type is not RequestType.INITIAL:
        return False
    is_named = not request.identities or any(name in subscriber.identities for name in request.identities)
    return not is_named or request.service_context != session.service_context


def is_repeat(request: SessionRequest, answer: Answer) -> bool:
    """Both have the same number: was the answer given to this very request?"""
    return answer.fingerprint == request.fingerprint and answer.request_type == request.request_type


def _conditions(session: Session | None, request: SessionRequest) -> Conditions:
    """Of use from this request on. One that was overtaken by a later one has nothing new to tell."""
    told = request.conditions
    if session is None:
        return told
    known = session.conditions
    if told is known or request.request_number < session.highest_number:
        return known
    return merged(known, told)


def _forget_at(rules: ChargingRules, at_ms: int) -> int:
    return at_ms + rules.closed_retention_seconds * MS_PER_SECOND


def _session(
    old: Session,
    *,
    quotas: tuple[Quota, ...],
    expires_ms: int,
    last_ms: int,
    supervised: int = 0,
    closed_ms: int = 0,
    why: str = "",
    answers: tuple[Answer, ...] | None = None,
    highest: int | None = None,
    host: str | None = None,
    realm: str | None = None,
    conditions: Conditions | None = None,
    offer: str | None = None,
    tariff: int | None = None,
    pools: tuple[Pool, ...] = (),
) -> Session:
    return Session(
        old.session_id,
        old.account_id,
        old.subscriber_id,
        old.opened_ms,
        last_ms,
        expires_ms,
        old.origin_host if host is None else host,
        old.origin_realm if realm is None else realm,
        old.service_context,
        SessionStatus.CLOSED if closed_ms else old.status,
        quotas,
        old.highest_number if highest is None else highest,
        old.opened_seq,
        old.answers if answers is None else answers,
        closed_ms or old.closed_ms,
        why or old.close_reason,
        supervised,
        old.rated_as,
        old.conditions if conditions is None else conditions,
        old.offer if offer is None else offer,
        old.tariff if tariff is None else tariff,
        old.may_pool,
        pools,
    )


class _Step:
    """One request being decided: its book, its quotas and the answers per group.

    used_ms: when what is reported was used at the latest; before the end of a session that is closed already.
    conditions: of use from now on; those before are the session's. payer: the subscriber as this request leaves it.
    limits: the gateway again, if it does not understand everything.
    """

    __slots__ = (
        "account",
        "at_ms",
        "book",
        "claimants",
        "conditions",
        "gateway",
        "limits",
        "offer",
        "payer",
        "pools",
        "quotas",
        "rated_as",
        "request",
        "session",
        "sold",
        "subscriber",
        "terms",
        "used_ms",
    )

    def __init__(
        self,
        request: SessionRequest,
        account: Account,
        subscriber: Subscriber,
        session: Session | None,
        terms: Terms,
        at_ms: int,
    ) -> None:
        self.request = request
        self.gateway = gateway = request.gateway
        self.limits = None if gateway is GENERIC else gateway
        self.account = account
        self.subscriber = subscriber
        self.payer = subscriber
        self.session = session
        self.terms = terms
        self.sold = terms.catalogue.version, subscriber.offer
        self.at_ms = at_ms
        self.used_ms = session.closed_ms if session is not None and session.closed_ms else at_ms
        self.conditions = _conditions(session, request)
        self.rated_as = rated_as = request.rated_as if session is None else session.rated_as
        is_data = rated_as == DATA
        offers = terms.catalogue.offers
        self.offer = offers.get(subscriber.offer) if is_data else offer_of(terms.catalogue, subscriber, rated_as)
        is_frozen = subscriber.life is not None and subscriber.is_in_grace
        around = surroundings(account, subscriber, terms.catalogue, self.conditions, at_ms)
        self.book = Book(account, Use(subscriber.subscriber_id, rated_as, is_frozen, around))
        self.book.expire(at_ms)
        self.quotas: dict[Key, Quota] = {}
        if session is not None:
            for quota in session.quotas:
                self.quotas[quota.rating_group, quota.service_identifiers] = quota
            tariff = self.offer.fingerprint if self.offer is not None else 0
            if (session.tariff != tariff or session.offer != subscriber.offer) and session.offer:
                self._note_former_offer(session)
        self.pools: Pools | None = None
        if session is not None and session.pools:
            self.pools = Pools(self.book, session.pools)
        elif self.offer is not None and self.offer.has_pools and may_pool(request, session):
            self.pools = Pools(self.book)
        self.claimants = self._count_claimants()

    def _note_former_offer(self, session: Session) -> None:
        """The offer is another one than it was: what is out at the gateway was granted under the former one."""
        is_over = session.status is SessionStatus.CLOSED
        for key, quota in self.quotas.items():
            if (quota.granted or is_over) and not quota.memory.former_offer:
                memory = replace(quota.memory, former_offer=session.offer, former_tariff=session.tariff)
                self.quotas[key] = replace(quota, memory=memory)

    # the five things a request can be ------------------------------------------------------------

    def open(self) -> Decision:
        """CCR-Initial: check the user, reserve, open the session (state Idle of RFC 8506 §7)."""
        if self.session is not None:
            return refuse(Verdict.SESSION_ALREADY_OPEN, "the Session-Id is in use or was used before")
        if self._is_blocked():
            return refuse(Verdict.SERVICE_DENIED, BLOCKED)
        if self.offer is None:
            detail = f"offer {self.subscriber.offer!r} has no tariff for {self.rated_as}"
            return refuse(Verdict.SERVICE_NOT_SOLD, detail)
        if not self.offer.is_controlled and self.gateway.uncontrolled_sessions:
            return refuse(Verdict.NOT_CHARGED, UNCONTROLLED)
        if self.account.open_sessions >= self.terms.rules.max_open_sessions:
            return refuse(Verdict.TOO_MANY_SESSIONS, "the account has its maximum of open sessions")
        answers = self._credits(self.request.credits, may_grant=True)
        refusal_of_all = self._refusal_of_all(answers)
        if refusal_of_all is not None:
            return Decision(refusal_of_all)
        return self._commit(self._new_session(), Outcome(credits=answers), opened_sessions=1)

    def update(self, session: Session) -> Decision:
        """CCR-Update in state Open: debit, release, reserve anew; close on a refusal of the whole session."""
        if self._is_blocked():
            return self._close(session, self._refused(Verdict.SERVICE_DENIED, BLOCKED), BLOCKED)
        if self.offer is not None and not self.offer.is_controlled and self.gateway.uncontrolled_sessions:
            return self._close(session, self._refused(Verdict.NOT_CHARGED, UNCONTROLLED), UNCONTROLLED)
        changed = changed_service(session.rated_as, self.request.changed_to) if self.request.changed_to else ""
        if changed:
            session = replace(session, rated_as=changed)
            answers = self._credits_across_change(changed)
        else:
            answers = self._credits(self.request.credits, may_grant=True)
        refusal_of_all = self._refusal_of_all(answers)
        if refusal_of_all is not None:
            return self._close(session, refusal_of_all, refusal_of_all.detail)
        return self._commit(session, Outcome(credits=answers))

    def terminate(self, session: Session) -> Decision:
        """CCR-Termination: debit, release everything, close, whatever else is wrong with it or with the user."""
        if self._is_blocked():
            return self._close(session, self._refused(Verdict.SERVICE_DENIED, BLOCKED), TERMINATED)
        answers = self._credits(self.request.credits, may_grant=False)
        return self._close(session, Outcome(credits=answers, detail=self.request.fault), TERMINATED)

    def _refused(self, verdict: Verdict, detail: str, mark: str = "") -> Outcome:
        """The whole request is refused, but what it reports is debited."""
        answers = self._credits(self.request.credits, may_grant=False, mark=mark)
        return Outcome(verdict, _used_only(answers), detail)

    def settle_late(self, session: Session) -> Decision:
        """A report after the session was closed: debit it at the session's tariff, grant nothing, say 5002."""
        if session.close_reason == NEVER_OPENED:
            self._take_unknown_usage()
            return self._commit(session, Outcome(Verdict.SESSION_UNKNOWN, detail=NEVER_OPENED))
        detail = f"the session was closed before ({session.close_reason}); reported usage was debited"
        return self._commit(session, self._refused(Verdict.SESSION_UNKNOWN, detail, LATE))

    def record_unknown(self) -> Decision:
        """A report for a session that was never opened here: its usage goes on record, or is debited by policy."""
        self._take_unknown_usage()
        gone = _session(
            self._new_session(),
            quotas=(),
            expires_ms=_forget_at(self.terms.rules, self.at_ms),
            last_ms=self.at_ms,
            closed_ms=self.at_ms,
            why=NEVER_OPENED,
        )
        return self._commit(gone, Outcome(Verdict.SESSION_UNKNOWN, detail=NEVER_OPENED))

    def _take_unknown_usage(self) -> None:
        if self.terms.rules.unknown_session is UnknownSession.DEBIT:
            self._credits(self.request.credits, may_grant=False, mark=LATE)
        else:
            self._record_unrated()

    def _record_unrated(self) -> None:
        for credit in self.request.credits:
            self._keep_unrated(credit)

    # one group -----------------------------------------------------------------------------------

    def _credits(self, asked: Iterable[ServiceCredit], *, may_grant: bool, mark: str = "") -> tuple[CreditOutcome, ...]:
        """One answer per Multiple-Services-Credit-Control, in order. A service that comes twice is granted once."""
        if self.pools is not None:
            return self._credits_with_pools(self.pools, tuple(asked), may_grant, mark)
        return self._in_order(asked, may_grant, mark)

    def _credits_with_pools(
        self, pools: Pools, asked: tuple[ServiceCredit, ...], may_grant: bool, mark: str
    ) -> tuple[CreditOutcome, ...]:
        """The same, but all reports of members are settled before anything is granted: together they are one pool."""
        members = {key: quota.pool for key, quota in self.quotas.items() if quota.pool is not None}
        reported = [self._report_to_pool(pools, credit, members, mark) for credit in asked]
        pools.release_idle(self.quotas.values())
        rest = (
            credit if used is None else replace(credit, used=(NO_WISH,))
            for credit, used in zip(asked, reported, strict=True)
        )
        answers = self._in_order(rest, may_grant, mark)
        pools.release_idle(self.quotas.values())
        return tuple(replace(a, used=used) if used else a for a, used in zip(answers, reported, strict=True))

    def _report_to_pool(
        self, pools: Pools, credit: ServiceCredit, members: dict[Key, PoolShare], mark: str
    ) -> int | None:
        """Units that a member of a pool reports, settled; None for any other credit."""
        key = (credit.rating_group, credit.service_identifiers)
        rule = self.offer.rule_for(*key) if self.offer is not None else None
        if self.limits is not None and self.offer is not None:
            rule = rule_within(self.limits, self.offer, rule)
        if key not in members or rule is None or self.offer is None or credit.in_money or not _says_anything(credit):
            return None
        quota = replace(self.quotas[key], pool=members[key])
        if quota.unit is not rule.unit or quota.memory.former_offer:
            return None
        used = used_units(credit, rule.unit)
        if not 0 < used <= self.terms.rules.plausible[rule.unit]:
            used = self._recorded(credit, rule.unit, used)
        group = _effective_group(credit.rating_group, self.offer)
        self.quotas[key] = pools.settle(quota, rule, group, used, self.at_ms, mark, late=self._is_late)
        return used

    @property
    def _is_late(self) -> bool:
        return self.session is not None and self.session.status is SessionStatus.CLOSED

    def _in_order(self, asked: Iterable[ServiceCredit], may_grant: bool, mark: str) -> tuple[CreditOutcome, ...]:
        granted: set[Key] = set()
        answers = []
        for credit in asked:
            key = (credit.rating_group, credit.service_identifiers)
            if key in granted and key in self.quotas:
                answers.append(self._credit_again(credit, mark))
                continue
            answer = self._credit(credit, may_grant, mark)
            if self.limits is not None:
                answer = answer_within(self.limits, answer)
            if answer.granted is not None:
                granted.add(key)
            answers.append(answer)
        return tuple(answers)

    def _credits_across_change(self, rated_as: str) -> tuple[CreditOutcome, ...]:
        """What is reported was used before the change and is debited so; what is granted is of the new service."""
        reports = [replace(each, requested=None) for each in self.request.credits]
        settled = self._credits(reports, may_grant=False)
        self.rated_as, self.offer = rated_as, offer_of(self.terms.catalogue, self.subscriber, rated_as)
        answers = self._credits([replace(each, used=()) for each in self.request.credits], may_grant=True)
        return tuple(replace(answer, used=each.used) for answer, each in zip(answers, settled, strict=True))

    def _credit_again(self, credit: ServiceCredit, mark: str) -> CreditOutcome:
        """Debit what a service reports behind its own grant in one request; that grant stays as it was promised."""
        key = (credit.rating_group, credit.service_identifiers)
        held = self.quotas[key]
        rule = self.offer.rule_for(*key) if self.offer is not None else None
        if rule is not None and rule.chooser is not None:
            rule, _ = self._chosen(rule, credit, held)
        limits = self.limits
        if limits is not None and self.offer is not None:
            rule = rule_within(limits, self.offer, rule)
        if credit.in_money:
            rule = money_rule(rule)
        if rule is None or self.offer is None or self._is_foreign(credit):
            units = self._keep_unrated(credit, mark)
            return CreditOutcome(*key, Verdict.RATING_FAILED if rule is None else Verdict.CURRENCY_UNKNOWN, used=units)
        group = _effective_group(credit.rating_group, self.offer)
        used = used_units(credit, rule.unit)
        if not 0 < used <= self.terms.rules.plausible[rule.unit]:
            used = self._recorded(credit, rule.unit, used)
        parts = self._parts(rule.timed, credit, held, rule.unit) if rule.timed is not None and used else None
        bare = in_unit(self.book, _empty(held), rule.unit) if held.unit is not rule.unit else _empty(held)
        settled = self._settle_counted(bare, rule, group, used, mark, parts)
        if held.unit is rule.unit:
            self.quotas[key] = replace(
                held,
                priced_units=settled.priced_units,
                charged_micros=settled.charged_micros,
                used_units=settled.used_units,
            )
        return CreditOutcome(*key, used=used)

    def _chosen(
        self, rule: GroupRule, credit: ServiceCredit, quota: Quota
    ) -> tuple[GroupRule | None, GroupRule | None]:
        """What held for what was granted before, and what holds for the next grant; alike where nothing was granted."""
        use = RatingInput(self.conditions, credit.service_identifiers, self.subscriber.segment)
        offered = chosen(rule, use, self.at_ms)
        return held(rule, quota.memory.variant, self.conditions, self.at_ms) or offered, offered

    def _settle_counted(
        self, quota: Quota, rule: GroupRule, group: int, used: int, mark: str, parts: list[Part] | None
    ) -> Quota:
        """Settle a report, and count it where the tiers of its price are those of a period."""
        before = quota.priced_units
        priced = priced_now(rule, self.payer.period_use, before, self.at_ms)
        settled = settle(self.book, quota, priced, group, used, self.at_ms, mark, parts)
        self.payer = with_use(self.payer, rule, settled.priced_units - before, self.at_ms)
        return settled

    def _parts(self, timed: TimedRates, credit: ServiceCredit, quota: Quota, unit: UnitType) -> list[Part]:
        """What was reported at which price, where that depends on the time."""
        return parts_of(timed, timed.zone_for(self.subscriber.time_zone), credit, quota, unit, self.used_ms)

    def _recorded(self, credit: ServiceCredit, unit: UnitType, used: int) -> int:
        """Nothing to debit: more than is plausible, or units of other types alone, only go on record."""
        if used:
            self.book.unrated(used, credit.rating_group, IMPLAUSIBLE, unit=unit)
        elif all(units_of(each, unit) is None for each in credit.used):
            self._keep_unrated(credit, OTHER_UNIT)
        return 0

    def _keep_unrated(self, credit: ServiceCredit, mark: str = "") -> int:
        """Usage that has no tariff goes on record: of the unit type there is most of; how much that is."""
        units, unit = _used_at_all(credit)
        if units:
            self.book.unrated(units, credit.rating_group, mark, unit=unit)
        return units

    def _is_foreign(self, credit: ServiceCredit) -> bool:
        """It reports money of another currency than the account's."""
        return credit.in_money and any(used.currency not in ("", self.account.currency) for used in credit.used)

    def _credit(self, credit: ServiceCredit, may_grant: bool, mark: str) -> CreditOutcome:
        """One Multiple-Services-Credit-Control: settle its report, then grant if it asks for more."""
        key = (credit.rating_group, credit.service_identifiers)
        quota = self.quotas.get(key)
        if quota is None:
            meant = nameless_report(credit, self.quotas.values())
            if meant is not None:
                named = replace(credit, rating_group=meant.rating_group, service_identifiers=meant.service_identifiers)
                answer = self._credit(named, may_grant, mark)
                return replace(answer, rating_group=None, service_identifiers=())
            quota = Quota(credit.rating_group, credit.service_identifiers)
        if quota.memory.former_offer:
            return self._credit_of_former_offer(credit, quota, may_grant, mark)
        rule = self.offer.rule_for(*key) if self.offer is not None else None
        offered, is_chosen = rule, rule is not None and rule.chooser is not None
        if rule is not None and is_chosen:
            rule, offered = self._chosen(rule, credit, quota)
        limits = self.limits
        if limits is not None and self.offer is not None:
            rule, offered = rule_within(limits, self.offer, rule), rule_within(limits, self.offer, offered)
        if credit.in_money:
            rule = offered = money_rule(rule)
            if self._is_foreign(credit):
                return self._unratable(credit, quota, mark, Verdict.CURRENCY_UNKNOWN)
        if rule is None or self.offer is None:
            return self._unratable(credit, quota, mark)
        group = _effective_group(credit.rating_group, self.offer)
        used, was_final = 0, quota.final
        if _says_anything(credit):
            used = used_units(credit, rule.unit)
            if not 0 < used <= self.terms.rules.plausible[rule.unit]:
                used = self._recorded(credit, rule.unit, used)
            if quota.unit is not rule.unit:
                quota = in_unit(self.book, quota, rule.unit)
            parts = self._parts(rule.timed, credit, quota, rule.unit) if rule.timed is not None and used else None
            if quota.pool is not None and self.pools is not None:
                quota = self.pools.settle(quota, rule, group, used, self.at_ms, mark, late=self._is_late)
                quota = replace(quota, final=False, dry=quota.dry or quota.final)
            elif is_chosen:
                quota = self._settle_counted(quota, rule, group, used, mark, parts)
            else:
                quota = settle(self.book, quota, rule, group, used, self.at_ms, mark, parts)
            if key not in self.quotas and len(self.quotas) >= MAX_QUOTAS:
                return CreditOutcome(*key, Verdict.TOO_MANY_GROUPS, used=used)
            self.quotas[key] = quota
        if offered is None:
            return CreditOutcome(*key, Verdict.RATING_FAILED, used=used)
        if is_chosen:
            offered = priced_now(offered, self.payer.period_use, quota.priced_units, self.at_ms)
        answer = self._next(credit, quota, offered, group, may_grant)
        if is_chosen and answer.granted is not None:
            granted = self.quotas[key]
            self.quotas[key] = replace(granted, memory=replace(granted.memory, variant=offered.name))
        if was_final and not quota.final and may_grant and credit.requested is None:
            answer = self._after_final_units(credit, quota, offered, answer)
        return _told(answer, used, credit, offered, quota)

    def _credit_of_former_offer(self, credit: ServiceCredit, quota: Quota, may_grant: bool, mark: str) -> CreditOutcome:
        """Debit a report at the prices its quota was granted at; what follows is of the subscriber's offer of today.

        An offer that nobody remembers any more has no price left.
        """
        memory = quota.memory
        version, former = offer_granted_by(self.terms, memory.former_offer, memory.former_tariff, self.rated_as)
        key = (credit.rating_group, credit.service_identifiers)
        rest = replace(memory, former_offer="", former_tariff=0)
        self.quotas[key] = replace(quota, memory=rest if rest != NOTHING_SPECIAL else NOTHING_SPECIAL)
        if former is None:
            return self._credit(credit, may_grant, mark)
        if credit.used:
            self.sold = version, memory.former_offer
        current, self.offer = self.offer, former
        settled = self._credit(replace(credit, requested=None), False, mark)
        self.offer = current
        return replace(self._credit(replace(credit, used=()), may_grant, mark), used=settled.used)

    def _next(self, credit: ServiceCredit, quota: Quota, rule: GroupRule, group: int, may_grant: bool) -> CreditOutcome:
        key = (credit.rating_group, credit.service_identifiers)
        is_charged = rule.treatment is Treatment.CHARGE
        if not is_charged and rule.treatment in REFUSED_TREATMENTS:
            return refusal(*key, REFUSED_TREATMENTS[rule.treatment])
        wish = credit.requested
        if wish is None or not may_grant or credit.reporting_reason == ReportingReason.FINAL:
            if quota.memory.is_opened and credit.reporting_reason == ReportingReason.FINAL:
                self.quotas[key] = replace(quota, memory=replace(quota.memory, is_opened=False))
            return CreditOutcome(*key)
        if credit.in_money and wish == NO_WISH:
            wish = ServiceUnits(money=max(used_units(credit, UnitType.MONEY), 1))
        limits = self.limits
        if not is_unit_supported(wish, rule.unit) or (limits is not None and rule.unit not in limits.units):
            return refusal(*key, Verdict.UNIT_TYPE_UNSUPPORTED)
        if wish.currency and wish.currency != self.account.currency and rule.unit is UnitType.MONEY:
            return refusal(*key, Verdict.CURRENCY_UNKNOWN)
        if not is_charged and rule.treatment is Treatment.NOT_CONTROLLED:
            return refusal(*key, Verdict.NOT_CHARGED)
        tuning = rule.quota.tuning
        if tuning is not None and credit.reporting_reason == ReportingReason.QHT and not tuning.grants_after_holding:
            return CreditOutcome(*key)
        was_opened, switch_ms, timed, settled = quota.memory.is_opened, 0, rule.timed, quota
        if timed is not None:
            zone, is_split = timed.zone_for(self.subscriber.time_zone), self.gateway.tariff_time_change
            rule, switch_ms = priced_at(rule, timed, zone, self.at_ms, is_split=is_split)
        if limits is not None and not limits.renews_equal_time:
            rule = renewing(rule, wish, quota, self._held_before(key))
        has_caps = self.offer is not None and self.offer.has_day_caps
        capped = capped_group(self.offer, key, rule.unit) if has_caps else None
        today = None if capped is None else room_today(self._day_use(), *capped, self.at_ms)
        held = self.quotas.values()
        if self.pools is not None and self.pools.takes(quota, rule, group, held, self.at_ms):
            quota, answer = self.pools.grant(quota, rule, group, wish, self.claimants, held, self.at_ms)
        else:
            quota, answer = grant(self.book, quota, rule, group, wish, self.claimants, self.at_ms, today)
        throttle = rule.final.throttle if rule.final is not None else None
        if throttle is not None and self.gateway.qos_information and not self.book.use.is_frozen:
            quota, answer = slowed(settled, (quota, answer), rule, throttle, wish)
        if limits is not None:
            is_first = self.request.request_type is RequestType.INITIAL
            quota, answer = final_within(limits, settled, (quota, answer), rule, self.at_ms, is_first=is_first)
        if timed is not None:
            quota, answer = with_switch(quota, answer, switch_ms, self.at_ms)
        if capped is not None:
            quota, answer = until_midnight(capped[1], quota, answer, self.at_ms)
        if self.book.use.around is not None:
            answer = until_band(self.book, rule, group, answer, self.at_ms)
        self.quotas[key] = quota
        if answer.final is not None:
            answer = self._with_final_units(answer, rule)
        if tuning is not None:
            answer = with_policy(answer, tuning, self.gateway, is_first=not was_opened)
        is_placed = self.book.use.around is not None and self.gateway.triggers
        return watched(answer, self.account.buckets, tuning) if is_placed else answer

    def _held_before(self, key: tuple[int | None, tuple[int, ...]]) -> int:
        """Units of the group that were out at the gateway before this request."""
        quotas = self.session.quotas if self.session is not None else ()
        return next((each.granted for each in quotas if (each.rating_group, each.service_identifiers) == key), 0)

    def _after_final_units(
        self, credit: ServiceCredit, quota: Quota, rule: GroupRule, answer: CreditOutcome
    ) -> CreditOutcome:
        """The gateway restricts the service now: tell it how long, grant nothing (RFC 8506 §5.6.2, §5.6.3)."""
        restricted = after_final_units(credit, quota, rule, self.at_ms)
        if restricted is None or answer.verdict is not Verdict.SUCCESS:
            return answer
        key = (credit.rating_group, credit.service_identifiers)
        self.quotas[key], seconds = restricted
        return replace(answer, validity_seconds=seconds)

    def _with_final_units(self, answer: CreditOutcome, rule: GroupRule) -> CreditOutcome:
        """Where to redirect and what stays allowed, beside the action."""
        if rule.final is None:
            return answer
        address = redirect_address(
            rule.final,
            self.terms.portal,
            self.request.session_id,
            self.account.account_id,
            self.subscriber.subscriber_id,
            self.at_ms,
        )
        extras = final_extras(rule.final, answer, address)
        return replace(answer, extras=extras) if extras != CreditExtras() else answer

    def _unratable(
        self, credit: ServiceCredit, quota: Quota, mark: str, verdict: Verdict = Verdict.RATING_FAILED
    ) -> CreditOutcome:
        """No tariff for this group: release what it holds, keep its usage on record, grant nothing."""
        release_all(self.book, quota)
        units = self._keep_unrated(credit, mark)
        key = (credit.rating_group, credit.service_identifiers)
        if key in self.quotas:
            self.quotas[key] = _empty(quota)
        return CreditOutcome(*key, verdict, used=units)

    def _count_claimants(self) -> int:
        """Who may ask from this account next: its other sessions, and groups of this one that hold or want quota."""
        keys = {(asked.rating_group, asked.service_identifiers) for asked in self.request.credits if asked.requested}
        keys.update([key for key, quota in self.quotas.items() if quota.granted])
        others = self.account.open_sessions - (self.session is not None)
        return max(1, min(others + len(keys), MAX_CLAIMANTS))

    # the whole -----------------------------------------------------------------------------------

    def _is_blocked(self) -> bool:
        if self.rated_as == EMERGENCY:
            return False
        return self.account.status is not Status.ACTIVE or not self.subscriber.is_served

    def _refusal_of_all(self, answers: tuple[CreditOutcome, ...]) -> Outcome | None:
        """The answer that refuses the whole session, when its groups give reason to."""
        if self._is_empty_for_all(answers):
            detail = "no credit for any rating group"
            return Outcome(Verdict.CREDIT_LIMIT_REACHED, _used_only(answers), detail)
        is_undivided = self.request.is_undivided or (
            self.gateway.single_service and len(answers) == 1 and self.request.request_type is RequestType.INITIAL
        )
        if is_undivided and answers[0].verdict is not Verdict.SUCCESS:
            detail = "the only service of the session is refused"
            return Outcome(answers[0].verdict, _used_only(answers), detail)
        return None

    def _is_empty_for_all(self, answers: tuple[CreditOutcome, ...]) -> bool:
        """Policy 'end session': every group that asked was refused for lack of credit, and none still runs."""
        if self.offer is None or not self.offer.end_session_when_empty or not answers:
            return False
        refused = all(answer.verdict is Verdict.CREDIT_LIMIT_REACHED for answer in answers)
        return refused and not any(quota.granted or quota.pool is not None for quota in self.quotas.values())

    def _new_session(self) -> Session:
        request = self.request
        return Session(
            request.session_id,
            self.account.account_id,
            self.subscriber.subscriber_id,
            self.at_ms,
            self.at_ms,
            0,
            request.origin_host,
            request.origin_realm,
            request.service_context,
            opened_seq=self.account.last_seq + 1,
            highest_number=request.request_number,
            rated_as=request.rated_as,
            conditions=request.conditions,
            may_pool=may_pool(request, None),
        )

    def _close(self, session: Session, outcome: Outcome, why: str) -> Decision:
        for key, quota in self.quotas.items():
            release_all(self.book, quota)
            self.quotas[key] = given_up(quota, _empty(quota))
        if self.pools is not None:
            self.pools.release_all()
        self.book.expire(self.at_ms)
        return self._commit(session, outcome, opened_sessions=-1, close_reason=why)

    def _commit(
        self, session: Session, outcome: Outcome, *, opened_sessions: int = 0, close_reason: str = ""
    ) -> Decision:
        """New account, session and entry, with the answer kept for repeats."""
        request = self.request
        after = self.book.account(opened_sessions=opened_sessions)
        policy = self.offer.answers if self.offer is not None else None
        if policy is not None and self.gateway.session_notices and outcome.verdict is Verdict.SUCCESS:
            told = notices(policy, request.request_type, after, self.quotas.values(), self.at_ms)
            outcome = replace(outcome, notices=told)
        raw = encode_outcome(outcome)
        answer = Answer(request.request_number, request.request_type, request.fingerprint, raw)
        before = self.session
        rated_as = request.rated_as if before is None else before.rated_as
        entry = Entry(
            after.account_id,
            after.last_seq,
            self.at_ms,
            ENTRY_KIND[request.request_type],
            tuple(self.book.postings),
            self.subscriber.subscriber_id,
            request.session_id,
            request.request_number,
            raw,
            changes(session.conditions, self.conditions) if self.conditions is not session.conditions else "",
            request.fingerprint,
            plan(*self.sold, rated_as),
            as_kept(self.conditions) if before is None or self.conditions is not session.conditions else None,
        )
        is_closed = bool(close_reason) or session.status is SessionStatus.CLOSED
        rules = self.terms.rules
        supervised = rules.closed_retention_seconds
        if not is_closed:
            until_now = session.supervised_seconds
            supervised = supervision(rules, self.quotas.values(), outcome.credits, until_now, self.at_ms)
        kept = _session(
            session,
            quotas=tuple(self.quotas.values()),
            expires_ms=self.at_ms + supervised * MS_PER_SECOND,
            supervised=supervised,
            last_ms=self.at_ms,
            closed_ms=self.at_ms if close_reason else 0,
            why=close_reason,
            answers=(*session.answers[1 - ANSWERS_KEPT :], answer),
            highest=max(session.highest_number, request.request_number),
            host=request.origin_host or None,
            realm=request.origin_realm or None,
            conditions=self.conditions,
            offer=session.offer if session.closed_ms else self.subscriber.offer,
            tariff=session.tariff if session.closed_ms else self.offer.fingerprint if self.offer is not None else 0,
            pools=() if self.pools is None else self.pools.kept(),
        )
        payer = self.payer
        if self.offer is not None and self.offer.has_day_caps:
            day_use = self._day_use()
            if day_use is not payer.day_use:
                payer = replace(payer, day_use=day_use)
        return Decision(outcome, after, kept, () if payer is self.subscriber else (payer,), entry)

    def _day_use(self) -> tuple[DayUse, ...]:
        """Of groups with a daily cap, with this request."""
        assert self.offer is not None
        before = by_key(self.session.quotas) if self.session is not None else {}
        return counted(self.subscriber.day_use, before, self.quotas.values(), self.offer, self.at_ms)


def _used_only(answers: tuple[CreditOutcome, ...]) -> tuple[CreditOutcome, ...]:
    """What was debited, for answers that grant nothing."""
    return tuple(
        CreditOutcome(
            a.rating_group, a.service_identifiers, a.verdict, used=a.used, reporting_reason=a.reporting_reason
        )
        for a in answers
    )


def _says_anything(credit: ServiceCredit) -> bool:
    return bool(credit.used) or credit.requested is not None or credit.reporting_reason is not None


def _used_at_all(credit: ServiceCredit) -> tuple[int, UnitType]:
    """Units that were reported, of whatever type there are most of, money last: for usage that has no tariff."""
    if not credit.in_money:
        counted = (UnitType.OCTETS, UnitType.SECONDS, UnitType.EVENTS)
        unit = max(counted, key=lambda each: used_units(credit, each))
        most = used_units(credit, unit)
        if most:
            return most, unit
    return used_units(credit, UnitType.MONEY), UnitType.MONEY


def _told(answer: CreditOutcome, used: int, credit: ServiceCredit, rule: GroupRule, quota: Quota) -> CreditOutcome:
    """The answer with what the journal keeps beside it; quota: as it was before a grant."""
    sized_by = ""
    if answer.granted is not None:
        sized_by = size_reason(credit.requested or NO_WISH, rule.quota, rule.unit, quota, answer.granted)
        if sized_by == LIMITED and answer.extras is not None and answer.extras.pool is not None:
            sized_by = POOLED
    return CreditOutcome(
        answer.rating_group,
        answer.service_identifiers,
        answer.verdict,
        answer.granted,
        answer.unit,
        answer.validity_seconds,
        answer.threshold,
        answer.holding_seconds,
        answer.final,
        used,
        answer.extras,
        credit.reporting_reason,
        sized_by,
    )
