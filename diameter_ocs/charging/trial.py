"""What some use would cost: a session is played by a faithful gateway on a copy of the books that nobody keeps.

The decisions are those of charging/decide.py, so prices, variants, bands of time, tiers, caps and buckets are too.
"""

from msgspec import Struct

from diameter_ocs.charging.conditions import UNKNOWN, Conditions
from diameter_ocs.charging.decide import Terms, decide_session_request
from diameter_ocs.charging.request import (
    CreditOutcome,
    Outcome,
    RequestType,
    ServiceCredit,
    ServiceUnits,
    SessionRequest,
    TariffChangeUsage,
)
from diameter_ocs.charging.session import Session
from diameter_ocs.charging.sizing import MS_PER_SECOND
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.rating.catalogue import DATA
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

ENOUGH_MICROS = 10**17
SESSION_ID = "trial"


class Trial(Struct, frozen=True):
    """Use to be tried. reports: units of each, in order. lasting_ms: over which all of them are spread evenly.

    Seconds last themselves.
    """

    at_ms: int
    unit: UnitType
    reports: tuple[int, ...]
    rating_group: int | None = None
    service_identifiers: tuple[int, ...] = ()
    rated_as: str = DATA
    conditions: Conditions = UNKNOWN
    lasting_ms: int = 0


class Tried(Struct, frozen=True):
    """What became of it. unused: units that would not have been granted; refused: by which answer; None: none was."""

    entries: tuple[Entry, ...]
    account: Account
    unused: int
    refused: Outcome | None


def somebody(offer: str, currency: str, segment: str = "") -> tuple[Account, Subscriber]:
    """A subscriber of an offer with more money than anything costs, for prices without a customer."""
    buckets = (Bucket("money", UnitType.MONEY, ENOUGH_MICROS),)
    return Account(SESSION_ID, currency, buckets=buckets), Subscriber(
        SESSION_ID, SESSION_ID, (), offer, segment=segment
    )


def try_out(trial: Trial, account: Account, subscriber: Subscriber, terms: Terms) -> Tried:
    """Play the use from the first request to the last. Nothing that is given is changed."""
    return _Gateway(trial, account, subscriber, terms).play()


class _Gateway:
    """Uses what it is granted, asks again when that is used or its time is over, splits reports where prices change."""

    def __init__(self, trial: Trial, account: Account, subscriber: Subscriber, terms: Terms) -> None:
        self.trial = trial
        self.account = account
        self.subscriber = subscriber
        self.terms = terms
        self.session: Session | None = None
        self.entries: list[Entry] = []
        self.number = 0
        self.total = sum(trial.reports)
        self.used = 0
        self.lasting_ms = self.total * MS_PER_SECOND if trial.unit is UnitType.SECONDS else trial.lasting_ms
        self.at_ms = trial.at_ms

    def play(self) -> Tried:
        outcome = self._send(RequestType.INITIAL, (), self.total)
        for units in self.trial.reports:
            until = self.used + units
            while self.used < until:
                granted = self._granted(outcome)
                if granted is None:
                    return self._ended(outcome)
                used = self._use(granted, until)
                is_last = self.used == self.total
                kind = RequestType.TERMINATION if is_last else RequestType.UPDATE
                outcome = self._send(kind, used, self.total - self.used)
        return Tried(tuple(self.entries), self.account, 0, None)

    def _ended(self, outcome: Outcome) -> Tried:
        """Nothing more is granted: the gateway closes the session."""
        if self.session is not None:
            self._send(RequestType.TERMINATION, (), 0)
        return Tried(tuple(self.entries), self.account, self.total - self.used, outcome)

    def _granted(self, outcome: Outcome) -> CreditOutcome | None:
        if outcome.verdict is not Verdict.SUCCESS or not outcome.credits or not outcome.credits[0].granted:
            return None
        return outcome.credits[0]

    def _use(self, granted: CreditOutcome, until: int) -> tuple[ServiceUnits, ...]:
        """Use a grant up to the end of a report or of its time; what was used before and after a change of price."""
        assert granted.granted is not None
        end = min(until, self.used + granted.granted)
        if self.lasting_ms and granted.validity_seconds is not None:
            over_ms = self.at_ms + granted.validity_seconds * MS_PER_SECOND
            end = min(end, max(self._used_by(over_ms), self.used))
            self.at_ms = min(over_ms, self._time_of(end)) if end > self.used else over_ms
        else:
            self.at_ms = self._time_of(end)
        start, self.used = self.used, end
        switch_s = granted.extras.tariff_change_s if granted.extras is not None else None
        if switch_s is None:
            return (self._units(end - start),)
        at_change = min(max(self._used_by(switch_s * MS_PER_SECOND), start), end)
        return (
            self._units(at_change - start, TariffChangeUsage.BEFORE),
            self._units(end - at_change, TariffChangeUsage.AFTER),
        )

    def _used_by(self, at_ms: int) -> int:
        """Units that are used by then."""
        if not self.lasting_ms:
            return self.total if at_ms > self.trial.at_ms else 0
        return min((at_ms - self.trial.at_ms) * self.total // self.lasting_ms, self.total)

    def _time_of(self, used: int) -> int:
        return self.trial.at_ms + used * self.lasting_ms // self.total

    def _units(self, units: int, side: int | None = None) -> ServiceUnits:
        unit = self.trial.unit
        if unit is UnitType.OCTETS:
            return ServiceUnits(octets=units, side=side)
        return (
            ServiceUnits(seconds=units, side=side)
            if unit is UnitType.SECONDS
            else ServiceUnits(events=units, side=side)
        )

    def _send(self, kind: RequestType, used: tuple[ServiceUnits, ...], wanted: int) -> Outcome:
        trial = self.trial
        wish = self._units(wanted) if kind is not RequestType.TERMINATION else None
        asked = ServiceCredit(trial.rating_group, trial.service_identifiers, wish, used)
        request = SessionRequest(
            SESSION_ID,
            kind,
            self.number,
            self.number,
            "",
            "",
            "",
            credits=(asked,),
            rated_as=trial.rated_as,
            conditions=trial.conditions,
        )
        self.number += 1
        decision = decide_session_request(request, self.account, self.subscriber, self.session, self.terms, self.at_ms)
        self.account = decision.account or self.account
        self.session = decision.session or self.session
        self.subscriber = next(iter(decision.subscribers), self.subscriber)
        if decision.entry is not None:
            self.entries.append(decision.entry)
        return decision.outcome
