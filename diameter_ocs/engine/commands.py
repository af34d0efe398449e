"""What each kind of command needs in memory before it can be decided, and who decides it."""

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.basis import plan
from diameter_ocs.charging.commands import AbortSession, AskGateway, ExpireSession
from diameter_ocs.charging.day_caps import with_day_use
from diameter_ocs.charging.decide import Terms, abort_session, decide_session_request, expire_session, offer_granted_by
from diameter_ocs.charging.decision import Decision, refuse
from diameter_ocs.charging.event import Action, EventRequest, decide_event, offer_for_enquiry, tell_price
from diameter_ocs.charging.gateway_limits import free_for_nobody
from diameter_ocs.charging.request import Outcome, RequestType, SessionRequest
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.engine.cache import Holding
from diameter_ocs.rating.catalogue import EMERGENCY, Catalogue
from diameter_ocs.recharge import decide as administer
from diameter_ocs.recharge import lifecycle, limits, products
from diameter_ocs.recharge import move as moving
from diameter_ocs.recharge.commands import (
    AddSubscriber,
    AdvanceAccount,
    Buy,
    CancelProduct,
    ChangeOffer,
    Credit,
    ExtendSubscriber,
    MoveUnits,
    OnAccount,
    OpenAccount,
    SetAccountStatus,
    SetLimit,
    SetOverdraft,
    SetSubscriberStatus,
    Withdraw,
)
from diameter_ocs.recharge.due import next_due
from diameter_ocs.recharge.once import Once, done_once
from diameter_ocs.values.identity import Identity
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

Administrative = OpenAccount | OnAccount | AdvanceAccount
OnSession = ExpireSession | AbortSession | AskGateway
Command = SessionRequest | EventRequest | OnSession | Administrative | Once
CONCERNS_OPEN_SESSIONS = (
    Credit,
    Buy,
    SetOverdraft,
    SetLimit,
    ExtendSubscriber,
    MoveUnits,
    SetAccountStatus,
    SetSubscriberStatus,
    ChangeOffer,
    AdvanceAccount,
)
"""Commands because of which gateways may have to be asked: all open sessions of the account are looked at."""


class Subject(Struct, frozen=True, gc=False):
    """What a command is about, once everything it names has been looked up.

    holding None: nobody by that name. subscriber_id: whom a session request charges.
    taken: identities of the command that belong to somebody already.
    """

    holding: Holding | None
    subscriber_id: str = ""
    taken: frozenset[Identity] = frozenset()


def new_names(command: Command) -> Collection[Identity]:
    """Identities that an administrative command claims: they must not exist yet."""
    if isinstance(command, Once):
        command = command.command
    if isinstance(command, OpenAccount):
        return [name for subscriber in command.subscribers for name in subscriber.identities]
    return command.subscriber.identities if isinstance(command, AddSubscriber) else ()


def decide(command: Command, subject: Subject, terms: Terms, at_ms: int) -> Decision:
    """The one door from commands to decisions. Pure."""
    if type(command) is SessionRequest:
        return _decide_session(command, subject, terms, at_ms)
    if type(command) is EventRequest:
        return _decide_event(command, subject, terms, at_ms)
    if isinstance(command, OpenAccount):
        existing = subject.holding.account if subject.holding is not None else None
        opened = administer.open_account(command, existing, subject.taken, at_ms)
        opened = lifecycle.begin(opened, {}, terms.catalogue, at_ms)
        return products.include(opened, opened.subscribers, terms.catalogue, at_ms)
    if isinstance(command, Once):
        return _decide_once(command, subject, terms, at_ms)
    holding = subject.holding
    if holding is None:
        return refuse(Verdict.NOT_FOUND, f"there is no account {command.account_id}")  # type: ignore[union-attr]
    if isinstance(command, AskGateway):
        return administer.ask_gateway(command, holding.account, holding.sessions.get(command.session_id), at_ms)
    if isinstance(command, ExpireSession | AbortSession):
        return _close(command, holding, terms, at_ms)
    if isinstance(command, AdvanceAccount):
        return Decision(Outcome(detail="the account is up to date"))
    return _administer(command, holding, subject, terms.catalogue, at_ms)  # type: ignore[arg-type]


def _decide_session(request: SessionRequest, subject: Subject, terms: Terms, at_ms: int) -> Decision:
    holding = subject.holding
    if holding is None and request.request_type is not RequestType.INITIAL:
        return refuse(Verdict.SESSION_UNKNOWN, "the session was never opened here, and nobody known is named")
    if holding is None and request.rated_as == EMERGENCY:
        if request.gateway.uncontrolled_sessions:
            return refuse(Verdict.NOT_CHARGED, "an emergency call needs no account")
        return Decision(free_for_nobody(request))
    if holding is None:
        return refuse(Verdict.USER_UNKNOWN, "no subscriber has any of the Subscription-Ids")
    subscriber = holding.subscribers[subject.subscriber_id]
    session = holding.sessions.get(request.session_id)
    return decide_session_request(request, holding.account, subscriber, session, terms, at_ms)


def _decide_event(request: EventRequest, subject: Subject, terms: Terms, at_ms: int) -> Decision:
    holding = subject.holding
    if holding is not None:
        subscriber = holding.subscribers[subject.subscriber_id]
        return decide_event(request, holding.account, subscriber, holding.kept, terms, at_ms)
    if request.action is Action.PRICE_ENQUIRY and terms.catalogue.enquiry_offer:
        offer = offer_for_enquiry(terms.catalogue, request.rated_as)
        return Decision(tell_price(request, offer, terms.catalogue, at_ms))
    return refuse(Verdict.USER_UNKNOWN, "no subscriber has any of the Subscription-Ids")


def _decide_once(once: Once, subject: Subject, terms: Terms, at_ms: int) -> Decision:
    holding = subject.holding
    account = holding.account if holding is not None else None
    subscribers = holding.subscribers if holding is not None else {}
    kept = holding.kept if holding is not None else {}
    return done_once(once, account, subscribers, kept, at_ms, lambda command: decide(command, subject, terms, at_ms))


def _close(command: ExpireSession | AbortSession, holding: Holding, terms: Terms, at_ms: int) -> Decision:
    session = holding.sessions.get(command.session_id)
    if session is None:
        return refuse(Verdict.NOT_FOUND, f"there is no session {command.session_id}")
    subscriber = holding.subscribers.get(session.subscriber_id)
    sold = session.offer or (subscriber.offer if subscriber is not None else "")
    version, offer = offer_granted_by(terms, sold, session.tariff, session.rated_as)
    time_zone = subscriber.time_zone if subscriber is not None else ""
    if isinstance(command, AbortSession):
        closed = abort_session(command, holding.account, session, offer, terms.rules, at_ms, time_zone, subscriber)
    else:
        closed = expire_session(holding.account, session, offer, terms.rules, at_ms, time_zone, subscriber)
    if closed.entry is not None:
        closed = replace(closed, entry=replace(closed.entry, plan=plan(version, sold, session.rated_as)))
    if subscriber is None or offer is None:
        return closed
    return with_day_use(closed, session, next(iter(closed.subscribers), subscriber), offer, at_ms)


def lacks_open_sessions(holding: Holding) -> bool:
    """Is some open session of the account not in memory? The account knows how many it has."""
    if not holding.account.open_sessions:
        return False
    held = sum(session.status is SessionStatus.OPEN for session in holding.sessions.values())
    return held < holding.account.open_sessions


def begin_use(command: Command, subject: Subject, terms: Terms, at_ms: int) -> Decision | None:
    """What comes before the first use of a subscriber that has a life cycle; None when this is none. Pure."""
    holding = subject.holding
    if holding is None or not isinstance(command, SessionRequest | EventRequest) or command.rated_as == EMERGENCY:
        return None
    if isinstance(command, SessionRequest):
        is_use = command.request_type is RequestType.INITIAL
    else:
        is_use = command.action is Action.DIRECT_DEBITING
    if not is_use:
        return None
    return lifecycle.begin_use(subject.subscriber_id, holding.account, holding.subscribers, terms.catalogue, at_ms)


def advance(holding: Holding, terms: Terms, at_ms: int) -> Decision | None:
    """The earliest thing that time has brought to the account by now; None when nothing is due. Pure."""
    return next_due(holding.account, holding.subscribers, terms.catalogue, at_ms, holding.sessions.values())


def _administer(
    command: OnAccount,
    holding: Holding,
    subject: Subject,
    catalogue: Catalogue,
    at_ms: int,
) -> Decision:
    account, subscribers, sessions = holding.account, holding.subscribers, holding.sessions.values()
    if isinstance(command, AddSubscriber):
        added = administer.add_subscriber(command, account, subscribers, subject.taken, at_ms)
        added = lifecycle.begin(added, subscribers, catalogue, at_ms)
        return products.include(added, added.subscribers, catalogue, at_ms)
    if isinstance(command, Buy):
        return products.buy(command, account, subscribers, catalogue, at_ms, sessions)
    if isinstance(command, CancelProduct):
        return products.cancel(command, account, at_ms)
    if isinstance(command, Credit):
        done = administer.credit(command, account, at_ms, sessions)
        micros = command.bucket.remaining if command.bucket.unit is UnitType.MONEY else 0
        return lifecycle.topped_up(done, subscribers, catalogue, micros, at_ms)
    if isinstance(command, ExtendSubscriber):
        return lifecycle.extend(command, account, subscribers, catalogue, at_ms, sessions)
    if isinstance(command, MoveUnits):
        return moving.move(command, account, subscribers, at_ms, sessions)
    if isinstance(command, Withdraw):
        return administer.withdraw(command, account, at_ms)
    if isinstance(command, SetOverdraft):
        return limits.set_overdraft(command, account, at_ms, sessions)
    if isinstance(command, SetLimit):
        return limits.set_limit(command, account, subscribers, catalogue, at_ms, sessions)
    if isinstance(command, SetAccountStatus):
        return administer.set_account_status(command, account, at_ms, sessions)
    if isinstance(command, ChangeOffer):
        return administer.change_offer(command, account, subscribers, at_ms, sessions)
    return administer.set_subscriber_status(command, account, subscribers, at_ms, sessions)
