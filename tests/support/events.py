"""A line that sends one-time events and sessions of messages and calls beside data."""

from typing import Any

from msgspec import structs

from diameter_ocs.charging.decide import Terms
from diameter_ocs.charging.decision import Decision, Kept
from diameter_ocs.charging.event import Action, EventRequest, decide_event
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits, SessionRequest
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.rating.catalogue_file import parse_catalogue
from tests.support.catalogue import TEXT
from tests.support.charging import HOST, IMSI, MSISDN, REALM, Line, request


def messages(number: int | None = None, *, group: int | None = 100, refund: bytes = b"") -> ServiceCredit:
    """Asks for so many messages, or gives back those of a reference."""
    return ServiceCredit(group, (), ServiceUnits(events=number), refund=refund)


def session_request(
    kind: RequestType, number: int, *asked: ServiceCredit, rated_as: str, **more: Any
) -> SessionRequest:
    return structs.replace(request(kind, number, *asked, **more), rated_as=rated_as)


class EventLine(Line):
    """One account; what its events left is kept as a store would."""

    def __init__(self, *buckets: Bucket, **rules: Any) -> None:
        super().__init__(*buckets)
        self.terms = Terms(parse_catalogue(TEXT, "test.toml"), ChargingRules(**rules))
        self.kept: dict[str, Kept] = {}
        self._number = 0

    def event(
        self, action: Action, *asked: ServiceCredit, session_id: str | None = None, rated_as: str = "sms"
    ) -> Decision:
        """A new event unless its session is named."""
        self._number += 1
        command = EventRequest(
            session_id or f"event;{self._number}",
            0,
            action,
            hash((action, asked)) & 0xFFFFFFFF,
            "32274@3gpp.org",
            HOST,
            REALM,
            (MSISDN, IMSI),
            asked,
            rated_as,
        )
        decision = decide_event(command, self.account, self.subscriber, self.kept, self.terms, self.at_ms)
        if decision.account is not None:
            self.account = decision.account
        if decision.entry is not None:
            self.entries.append(decision.entry)
        self.kept.update((kept.key, kept) for kept in decision.kept)
        return decision
