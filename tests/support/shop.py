"""A subscriber of any example, with its products, deciding without sockets: for properties of all that is sold."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.decide import Terms
from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.event import Action, EventRequest, decide_event
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits, SessionRequest
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.ledger.account import Account, Subscriber
from diameter_ocs.ledger.audit import audit_account
from diameter_ocs.ledger.journal import Action as Move
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.rating.catalogue import DATA, Catalogue, GroupRule, Offer, Treatment
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.recharge.commands import Buy, NewSubscriber, OpenAccount
from diameter_ocs.recharge.decide import open_account
from diameter_ocs.recharge.due import next_due
from diameter_ocs.recharge.products import buy
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, HOST, MSISDN, REALM, Line, money
from tests.support.examples import FOLDER, NAMES

RICH = 10**15
PLACES = [
    Conditions(serving_plmn=plmn, called_party=f"tel:+{number}")
    for plmn in ("", "26201", "20801", "310410")
    for number in ("4930123456", "33612345678", "12125550123")
]
"""Where somebody is, and whom it calls or writes to."""
FIELDS = {UnitType.OCTETS: "octets", UnitType.SECONDS: "seconds", UnitType.EVENTS: "events"}


@cache
def catalogue(name: str) -> Catalogue:
    """An example that is shipped."""
    file: Path = FOLDER / f"{name}.toml"
    return parse_catalogue(file.read_text(), file.name, lambda other: (FOLDER / other).read_text())


class Sold(NamedTuple):
    """Something that is charged: a group of a service of an offer."""

    catalogue: str
    offer: str
    rated_as: str
    rating_group: int | None
    rule: GroupRule

    @property
    def field(self) -> str:
        return FIELDS[self.rule.unit]

    def units(self, amount: int) -> ServiceUnits:
        return ServiceUnits(**{self.field: amount})

    def credit(self, used: int | None = None, *, more: bool = True, wish: int | None = None) -> ServiceCredit:
        """A report of so much; wants more unless told otherwise."""
        asked = (ServiceUnits() if wish is None else self.units(wish)) if more else None
        return ServiceCredit(self.rating_group, (), asked, () if used is None else (self.units(used),))


def everything_sold() -> Iterator[Sold]:
    """Each group of each service of each offer of each example that can be used at all."""
    for name in NAMES:
        for offer in catalogue(name).offers.values():
            for rated_as, part in {DATA: offer, **offer.services}.items():
                yield from _sold(name, offer, rated_as, part)


def _sold(name: str, offer: Offer, rated_as: str, part: Offer) -> Iterator[Sold]:
    places: dict[int | None, GroupRule | None] = {**part.by_group, None: part.rule_for(None, ())}
    places |= {99: part.otherwise} if part.otherwise is not None else {}
    for group, rule in places.items():
        if rule is not None and rule.treatment in (Treatment.CHARGE, Treatment.FREE):
            yield Sold(name, offer.name, rated_as, group, rule)


class Customer(Line):
    """One account with one subscriber of an offer, from its opening on. at_ms, told: when and where it does it all."""

    def __init__(self, name: str, offer: str, micros: int = RICH, products: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__()
        self.at_ms = more.get("at_ms", AT_MS)
        self.catalogue = replace(catalogue(name), zone=more["zone"]) if "zone" in more else catalogue(name)
        self.terms = Terms(self.catalogue, ChargingRules())
        self.entries: list[Entry] = []
        self.told = more.get("told", PLACES[0])
        new = NewSubscriber("sub-1", (MSISDN,), offer)
        buckets = (money(micros),) if micros else ()
        self.take(open_account(OpenAccount("acc-1", "EUR", "", buckets, (new,)), None, (), self.at_ms))
        for product in products:
            self.take(buy(Buy("acc-1", product), self.account, self.members, self.catalogue, self.at_ms))

    @property
    def members(self) -> dict[str, Subscriber]:
        return {"sub-1": self.subscriber}

    def take(self, decision: Decision) -> Decision:
        self.account = decision.account if isinstance(decision.account, Account) else self.account
        for subscriber in decision.subscribers:
            self.subscriber = subscriber
        if decision.session is not None:
            self.sessions[decision.session.session_id] = decision.session
        if decision.entry is not None:
            self.entries.append(decision.entry)
        return decision

    def send(self, asked: SessionRequest) -> Decision:
        decision = super().send(asked)
        for subscriber in decision.subscribers:
            self.subscriber = subscriber
        return decision

    def session(
        self, kind: RequestType, number: int, rated_as: str, *asked: ServiceCredit, session_id: str = "s"
    ) -> Decision:
        request = SessionRequest(
            session_id, kind, number, hash((kind, asked)) & 0xFFFFFFFF, "context", HOST, REALM, (MSISDN,), tuple(asked)
        )
        return self.send(replace(request, rated_as=rated_as, conditions=self.told))

    def event(self, sold: Sold, units: int, number: int) -> Decision:
        """Debited at once."""
        asked = (ServiceCredit(sold.rating_group, (), sold.units(units)),)
        request = EventRequest(
            f"e{number}",
            0,
            Action.DIRECT_DEBITING,
            units,
            "context",
            HOST,
            REALM,
            (MSISDN,),
            asked,
            sold.rated_as,
            self.told,
        )
        decision = decide_event(request, self.account, self.subscriber, {}, self.terms, self.at_ms)
        assert decision.outcome.verdict is Verdict.SUCCESS, decision.outcome.detail
        return self.take(decision)

    def until(self, at_ms: int) -> list[str]:
        """What time brings until then, in order."""
        self.at_ms, kinds = at_ms, []
        while (decision := next_due(self.account, self.members, self.catalogue, at_ms)) is not None:
            self.take(decision)
            assert decision.entry is not None
            kinds.append(decision.entry.kind)
        return kinds

    def left(self) -> dict[str, int]:
        return {bucket.bucket_id: bucket.remaining for bucket in self.account.buckets}

    def spent(self) -> int:
        """Money, since it had all of it."""
        return RICH - self.left()["money"]

    def check(self) -> None:
        """The journal tells the state, and what is reserved is what open sessions hold."""
        held: dict[str, int] = {}
        for session in self.sessions.values():
            for quota in session.quotas if session.status is SessionStatus.OPEN else ():
                for each in quota.reservations:
                    held[each.bucket_id] = held.get(each.bucket_id, 0) + each.amount
        audit = audit_account(self.account, self.account.open_sessions, held, self.entries)
        assert audit.discrepancies == ()
        assert all(total.missing == 0 for total in audit.totals.values())


def paid_units(decision: Decision) -> dict[int | None, int]:
    """Service units by rating group that an entry accounts for, from whatever bucket, free, or unrated."""
    found: dict[int | None, int] = {}
    for posting in decision.entry.postings if decision.entry is not None else ():
        if posting.action in (Move.DEBIT, Move.FREE, Move.UNRATED):
            found[posting.rating_group] = found.get(posting.rating_group, 0) + posting.units
    return found
