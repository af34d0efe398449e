"""What recorded usage would have cost by another offer or version of the catalogue, subscriber by subscriber.

It is rated again with the functions that charge. What nobody can know stays as it was: people use what they used,
allowances pay for the same units, and a report costs what holds when its quota was granted.
"""

from collections.abc import Iterable, Iterator
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.basis import Basis, read_basis, read_plan
from diameter_ocs.charging.conditions import UNKNOWN, Conditions, read_conditions
from diameter_ocs.charging.decision import decode_outcome
from diameter_ocs.charging.event import ENTRY_KIND as EVENT_KINDS
from diameter_ocs.charging.period_tiers import priced_now, with_use
from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.charging.sizing import MS_PER_SECOND
from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.ledger.journal import NO_BASIS, Action, Entry, Posting
from diameter_ocs.rating.catalogue import GroupRule, Offer, Treatment
from diameter_ocs.rating.choice import chosen
from diameter_ocs.rating.rate import price_of_report
from diameter_ocs.rating.selection import RatingInput
from diameter_ocs.values.units import UnitType

Group = tuple[int | None, tuple[int, ...]]
"""Rating-Group and Service-Identifiers."""


class Fate(Enum):
    """What becomes of usage under the other offer."""

    RATED = "rated"
    REFUSED = "refused"
    """It has no price there, or is barred: it would not have happened."""
    OTHER_UNIT = "other unit"
    """It is counted in a unit there that was not recorded: nobody knows how much that was."""


class Change(Struct):
    """What one subscriber paid for usage, in money, and would pay; micro-units.

    refused: postings of use that would not have happened. left_out: money paid for use that cannot be rated again,
    part of neither sum.
    """

    account_id: str
    subscriber_id: str
    before: int = 0
    after: int = 0
    refused: int = 0
    left_out: int = 0

    @property
    def difference(self) -> int:
        return self.after - self.before


class Usage(Struct, frozen=True):
    """One posting of usage. scope: within which prices run on: a session, or one event.

    at_ms: when its quota was granted, or its price had changed. paid: money; paid_before: units of the scope that
    money had paid for. is_covered: an allowance paid.
    """

    scope: tuple[str, int | None]
    service: str
    group: Group
    at_ms: int
    units: int
    basis: Basis
    paid: int
    paid_before: int
    is_covered: bool
    conditions: Conditions


class Recorded:
    """Tells the usage in the journal of one account, entry by entry in order, with what was known of it."""

    def __init__(self) -> None:
        self._conditions: dict[str, Conditions] = {}
        self._grants: dict[tuple[str, Group], tuple[int, int]] = {}
        self._services: dict[tuple[str, int | None], tuple[int, ...]] = {}

    def usage(self, entry: Entry) -> list[Usage]:
        """What was used by this entry; what it tells of conditions and grants holds for those that follow."""
        session_id = entry.session_id
        answers = decode_outcome(entry.outcome).credits if entry.outcome is not None and session_id else ()
        is_event = entry.kind in EVENT_KINDS.values()
        if is_event:
            self._learn(entry)
        found = list(self._found(entry, answers, is_event)) if entry.plan else []
        if not is_event:
            self._learn(entry)
            for answer in answers:
                self._note_grant(entry, answer)
        return found

    def _learn(self, entry: Entry) -> None:
        if entry.conditions is not None:
            self._conditions[entry.session_id] = read_conditions(entry.conditions)

    def _note_grant(self, entry: Entry, answer: CreditOutcome) -> None:
        group = (answer.rating_group, answer.service_identifiers)
        self._services[entry.session_id, answer.rating_group] = answer.service_identifiers
        if answer.granted:
            switch_s = answer.extras.tariff_change_s if answer.extras is not None else None
            self._grants[entry.session_id, group] = (entry.at_ms, (switch_s or 0) * MS_PER_SECOND)
        else:
            self._grants.pop((entry.session_id, group), None)

    def _found(self, entry: Entry, answers: Iterable[CreditOutcome], is_event: bool) -> Iterator[Usage]:
        session_id, service = entry.session_id, read_plan(entry.plan).service
        reports = [_Report(answer) for answer in answers]
        first_band: dict[Group, str] = {}
        for posting in entry.postings:
            if posting.action not in (Action.DEBIT, Action.FREE) or not posting.units or posting.basis == NO_BASIS:
                continue
            basis = read_basis(posting.basis)
            group = (posting.rating_group, self._services_of(posting, reports, session_id))
            since_ms, switch_ms = self._grants.get((session_id, group), (entry.at_ms, 0))
            is_second = first_band.setdefault(group, basis.band) != basis.band
            is_debit = posting.action is Action.DEBIT
            in_money = is_debit and (basis.unit is UnitType.MONEY or _is_priced(basis))
            yield Usage(
                (session_id, entry.seq if is_event else None),
                service,
                group,
                switch_ms if is_second and switch_ms else since_ms,
                posting.units,
                basis,
                posting.amount if in_money else 0,
                posting.before if in_money else 0,
                is_debit and not in_money,
                self._conditions.get(session_id, UNKNOWN),
            )

    def _services_of(self, posting: Posting, reports: list["_Report"], session_id: str) -> tuple[int, ...]:
        """Service-Identifiers of a posting: of the first report of its group that has units left."""
        fitting = [each for each in reports if each.answer.rating_group == posting.rating_group]
        if not fitting:
            return self._services.get((session_id, posting.rating_group), ())
        found = next((each for each in fitting if each.left > 0), fitting[-1])
        found.left -= posting.units
        return found.answer.service_identifiers


class _Report:
    """The answer to a report, and how many of its units no posting was found for yet."""

    __slots__ = ("answer", "left")

    def __init__(self, answer: CreditOutcome) -> None:
        self.answer = answer
        self.left = answer.used


def _is_priced(basis: Basis) -> bool:
    return basis.rate is not None and basis.paid_in is UnitType.MONEY


class Rerating:
    """Rates the usage of one subscriber again. payer: with the counts of period tiers from nothing on."""

    def __init__(self, offer: Offer, payer: Subscriber) -> None:
        self._offer = offer
        self._payer = replace(payer, period_use=())
        self._priced: dict[tuple[tuple[str, int | None], Group], int] = {}
        self.change = Change(payer.account_id, payer.subscriber_id)

    def take(self, usage: Usage) -> None:
        """Add what was paid, and what would be."""
        fate, amount = self._rate(usage)
        if fate is Fate.OTHER_UNIT:
            self.change.left_out += usage.paid
            return
        self.change.before += usage.paid
        self.change.after += amount
        self.change.refused += fate is Fate.REFUSED

    def _rate(self, usage: Usage) -> tuple[Fate, int]:
        part = self._offer.part(usage.service)
        if part is None:
            return Fate.REFUSED, 0
        rule = part.rule_for(*usage.group)
        if rule is not None and rule.chooser is not None:
            use = RatingInput(usage.conditions, usage.group[1], self._payer.segment)
            rule = chosen(rule, use, usage.at_ms)
        if usage.basis.unit is UnitType.MONEY and (rule is None or rule.treatment is Treatment.CHARGE):
            return Fate.RATED, usage.paid
        if rule is None:
            return Fate.REFUSED, 0
        if rule.treatment.costs_nothing or not part.is_controlled:
            return Fate.RATED, 0
        if rule.treatment is not Treatment.CHARGE:
            return Fate.REFUSED, 0
        if usage.is_covered:
            return Fate.RATED, 0
        return self._priced_by(rule, usage)

    def _priced_by(self, rule: GroupRule, usage: Usage) -> tuple[Fate, int]:
        if rule.unit is not usage.basis.unit:
            return Fate.OTHER_UNIT, 0
        timed = rule.timed
        if timed is not None:
            rule = replace(rule, rate=timed.rate_at(usage.at_ms, timed.zone_for(self._payer.time_zone)))
        name = (usage.scope, usage.group)
        before = self._priced.get(name, usage.paid_before)
        rate = priced_now(rule, self._payer.period_use, before, usage.at_ms).rate
        if rate is None:
            return Fate.REFUSED, 0
        self._priced[name] = before + usage.units
        self._payer = with_use(self._payer, rule, usage.units, usage.at_ms)
        return Fate.RATED, price_of_report(rate, before, usage.units)


class OfAccount:
    """The subscribers of one account that used something under offer `of` from a moment on until before another.

    It takes the entries of the account in order, some before that time too, so that the conditions of sessions are
    known.
    """

    def __init__(self, subscribers: Iterable[Subscriber], offer: Offer, of: str, from_ms: int, until_ms: int) -> None:
        self._subscribers = {each.subscriber_id: each for each in subscribers}
        self._offer = offer
        self._of = of
        self._from_ms = from_ms
        self._until_ms = until_ms
        self._recorded = Recorded()
        self._reratings: dict[str, Rerating] = {}

    def take(self, entry: Entry) -> None:
        usage = self._recorded.usage(entry)
        if not usage or not self._from_ms <= entry.at_ms < self._until_ms or read_plan(entry.plan).offer != self._of:
            return
        payer = self._subscribers.get(entry.subscriber_id)
        if payer is None:
            return
        rerating = self._reratings.setdefault(entry.subscriber_id, Rerating(self._offer, payer))
        for each in usage:
            rerating.take(each)

    @property
    def changes(self) -> list[Change]:
        return [each.change for each in self._reratings.values()]


class Comparison(Struct):
    """All that changes, of many subscribers."""

    changes: list[Change] = []

    @property
    def before(self) -> int:
        return sum(each.before for each in self.changes)

    @property
    def after(self) -> int:
        return sum(each.after for each in self.changes)

    def winners(self, top: int) -> list[Change]:
        """Who would pay less, the most first."""
        found = sorted((each for each in self.changes if each.difference < 0), key=lambda each: each.difference)
        return found[:top]

    def losers(self, top: int) -> list[Change]:
        """Who would pay more, the most first."""
        found = sorted((each for each in self.changes if each.difference > 0), key=lambda each: -each.difference)
        return found[:top]

    def percentiles(self, *percents: int) -> dict[int, int]:
        """The change below which so many percent of the subscribers are, nearest rank; empty without subscribers."""
        ranked = sorted(each.difference for each in self.changes)
        return {each: ranked[max(-(-each * len(ranked) // 100) - 1, 0)] for each in percents} if ranked else {}
