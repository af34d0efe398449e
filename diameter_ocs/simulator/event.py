"""One-time events of a message centre: debit, refund, balance check, price enquiry (TS 32.274 IEC)."""

from functools import partial

from msgspec import Struct

from diameter_ocs.charging.event import Action
from diameter_ocs.charging.request import RequestType
from diameter_ocs.simulator.credit import SUCCESS, Answer, Reported, Request, Subscriber
from diameter_ocs.simulator.dialect import CREDIT_CONTROL, E164, Dialect, Origin, subscription
from diameter_ocs.simulator.gateway import Gateway
from diameter_ocs.simulator.packet_data import AvpTree

CONTEXT = "32274@3gpp.org"
SERVICE, RATING_GROUP = 1, 100
RECIPIENT = "99955500202"
MSISDN, SUBMISSION, SMS_CENTRE = 1, 0, 3
"""Address-Type, SM-Message-Type, SMS-Node."""


class EventAsk(Struct, frozen=True):
    """What is asked: `units` messages of a rating group; reference: the Refund-Information of their debit."""

    action: Action
    units: int = 1
    rating_group: int | None = RATING_GROUP
    reference: bytes = b""


def write_event(ask: EventAsk, request: Request, origin: Origin, at: int) -> AvpTree:
    """A CCR-Event."""
    mscc: AvpTree = [
        ("Requested-Service-Unit", [("CC-Service-Specific-Units", ask.units)]),
        ("Service-Identifier", SERVICE),
    ]
    if ask.rating_group is not None:
        mscc.append(("Rating-Group", ask.rating_group))
    if ask.reference:
        mscc.append(("Refund-Information", ask.reference))
    recipient: AvpTree = [("Address-Type", MSISDN), ("Address-Data", RECIPIENT)]
    sms: AvpTree = [
        ("SMS-Node", SMS_CENTRE),
        ("SM-Message-Type", SUBMISSION),
        ("Recipient-Info", [("Recipient-Address", recipient)]),
    ]
    return [
        ("Session-Id", request.session_id),
        ("Origin-Host", origin.host),
        ("Origin-Realm", origin.realm),
        ("Destination-Realm", origin.destination_realm),
        ("Auth-Application-Id", CREDIT_CONTROL),
        ("Service-Context-Id", CONTEXT),
        ("CC-Request-Type", int(RequestType.EVENT)),
        ("CC-Request-Number", request.number),
        ("Origin-State-Id", origin.state_id),
        ("Event-Timestamp", at),
        subscription(E164, request.subscriber.msisdn),
        ("Requested-Action", int(ask.action)),
        ("Multiple-Services-Credit-Control", mscc),
        ("Service-Information", [("SMS-Information", sms)]),
    ]


class EventSender:
    """Sends the events of one subscriber, each under a Session-Id of its own, and keeps books on its debits."""

    def __init__(self, gateway: Gateway, subscriber: Subscriber, number: int) -> None:
        self.gateway = gateway
        self.subscriber = subscriber
        self.number = number
        self.last: Answer | None = None
        self.books: dict[str, dict[int | None, Reported]] = {}
        self._sent = 0
        self._reference = b""

    async def send(self, action: Action, units: int, rating_group: int | None) -> Answer:
        """One event; a refund names the latest debit. Raises NoAnswer."""
        reference = self._reference if action is Action.REFUND_ACCOUNT else b""
        ask = EventAsk(action, units, rating_group, reference)
        self._sent += 1
        origin = self.gateway.origin
        session_id = f"{origin.host};{origin.state_id};{self.number};event;{self._sent}"
        request = Request(session_id, RequestType.EVENT, 0, self.subscriber)
        answer = await self.gateway.exchange(request, Dialect("event", partial(write_event, ask)))
        self.last = answer
        if action is Action.DIRECT_DEBITING and answer.result_code == SUCCESS:
            self._debited(session_id, answer)
        return answer

    def _debited(self, session_id: str, answer: Answer) -> None:
        books = self.books.setdefault(session_id, {})
        for group in answer.groups:
            granted = group.granted or 0
            books[group.rating_group] = Reported(granted=granted, answered=granted)
            self._reference = group.reference or self._reference
