"""What administrative commands do to an account. Pure; refusals are values that say why."""

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.decision import Decision, refuse
from diameter_ocs.charging.outbox import GatewayRequest, aborts, reauthorisations, requests_after_credit
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session, SessionStatus
from diameter_ocs.ledger.account import Account, Bucket, Status, Subscriber
from diameter_ocs.ledger.book import Book, spend_key
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.recharge.commands import (
    MONEY_BUCKET,
    AddSubscriber,
    ChangeOffer,
    Credit,
    NewSubscriber,
    OpenAccount,
    SetAccountStatus,
    SetSubscriberStatus,
    Withdraw,
)
from diameter_ocs.recharge.products import retry_unpaid
from diameter_ocs.values.identity import Identity, SubscriberRef
from diameter_ocs.values.money import LARGEST_MICROS
from diameter_ocs.values.session_key import told_key
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

Subscribers = Mapping[str, Subscriber]


def open_account(command: OpenAccount, existing: Account | None, taken: Collection[Identity], at_ms: int) -> Decision:
    """A new account. CONFLICT when its id or an identity is in use, or units are to be where its money goes."""
    if existing is not None:
        return refuse(Verdict.CONFLICT, f"account {command.account_id} exists")
    if any(_is_in_the_way_of_money(bucket) for bucket in command.buckets):
        return refuse(Verdict.CONFLICT, f"bucket {MONEY_BUCKET} is for money")
    conflict = _conflict(command.subscribers, (), taken)
    if conflict:
        return refuse(Verdict.CONFLICT, conflict)
    book = Book(Account(command.account_id, command.currency, created_ms=at_ms, name=command.name))
    for bucket in sorted(command.buckets, key=spend_key):
        book.add(bucket)
    subscribers = tuple(_subscriber(new, command.account_id, at_ms) for new in command.subscribers)
    return _changed(book.account(), book, "account_created", command.reason, at_ms, subscribers, command.subscribers)


def add_subscriber(
    command: AddSubscriber, account: Account, subscribers: Subscribers, taken: Collection[Identity], at_ms: int
) -> Decision:
    """One more subscriber. CONFLICT when its id or an identity is in use."""
    conflict = _conflict((command.subscriber,), subscribers, taken)
    if conflict:
        return refuse(Verdict.CONFLICT, conflict)
    book = Book(account)
    new = (_subscriber(command.subscriber, account.account_id, at_ms),)
    return _changed(book.account(), book, "subscriber_created", command.reason, at_ms, new, (command.subscriber,))


def credit(command: Credit, account: Account, at_ms: int, sessions: Iterable[Session] = ()) -> Decision:
    """More to spend.

    CONFLICT when a bucket of that id holds another unit or is where money goes, would hold more than any amount can
    be, or has ended and waits for a session: what came into it would be written off with it.
    Gateways are asked to come back for those of its open sessions that had run dry.
    """
    book = Book(account)
    book.expire(at_ms)
    bucket: Bucket = command.bucket
    if book.has(bucket.bucket_id) and book.bucket(bucket.bucket_id).unit is not bucket.unit:
        return refuse(Verdict.CONFLICT, f"bucket {bucket.bucket_id} holds {book.bucket(bucket.bucket_id).unit.value}")
    if not book.has(bucket.bucket_id) and _is_in_the_way_of_money(bucket):
        return refuse(Verdict.CONFLICT, f"bucket {MONEY_BUCKET} is for money")
    if book.has(bucket.bucket_id) and book.bucket(bucket.bucket_id).remaining > LARGEST_MICROS - bucket.remaining:
        return refuse(Verdict.CONFLICT, f"bucket {bucket.bucket_id} would hold more than any amount can be")
    if book.has(bucket.bucket_id) and book.bucket(bucket.bucket_id).is_expired(at_ms):
        return refuse(Verdict.CONFLICT, f"bucket {bucket.bucket_id} has ended, and a session still holds some of it")
    book.add(bucket)
    if bucket.unit is UnitType.MONEY:
        retry_unpaid(book, at_ms)
    after = book.account()
    changed = _changed(after, book, "credit", command.reason, at_ms)
    if after.status is not Status.ACTIVE:
        return changed
    cause = command.reason or "credit"
    return replace(changed, requests=requests_after_credit(sessions, bucket, after.last_seq, cause, at_ms))


def withdraw(command: Withdraw, account: Account, at_ms: int) -> Decision:
    """Less to spend. NOT_FOUND when there is no such bucket, CREDIT_LIMIT_REACHED when less is available."""
    book = Book(account)
    book.expire(at_ms)
    if not book.has(command.bucket_id):
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no bucket {command.bucket_id}")
    bucket = book.bucket(command.bucket_id)
    if command.amount > bucket.available and not command.below_zero:
        return refuse(
            Verdict.CREDIT_LIMIT_REACHED, f"bucket {command.bucket_id} has less than is to be taken out of it"
        )
    if bucket.remaining - command.amount < -LARGEST_MICROS:
        return refuse(Verdict.CONFLICT, f"bucket {command.bucket_id} would owe more than any amount can be")
    book.withdraw(command.bucket_id, command.amount)
    return _changed(book.account(), book, "withdrawal", command.reason, at_ms)


def set_account_status(
    command: SetAccountStatus, account: Account, at_ms: int, sessions: Iterable[Session] = ()
) -> Decision:
    """Block or unblock. Gateways are asked to end open sessions; one that does not is refused at its next request."""
    book = Book(account)
    after = book.account()
    changed = replace(after, status=command.status)
    decision = _changed(changed, book, _status_kind("account", command.status), command.reason, at_ms)
    if command.status is Status.ACTIVE:
        return decision
    cause = command.reason or "account blocked"
    return replace(decision, requests=aborts(sessions, changed.last_seq, cause, at_ms))


def set_subscriber_status(
    command: SetSubscriberStatus,
    account: Account,
    subscribers: Subscribers,
    at_ms: int,
    sessions: Iterable[Session] = (),
) -> Decision:
    """Block or unblock one subscriber. NOT_FOUND when the account has no such subscriber."""
    old = subscribers.get(command.subscriber_id)
    if old is None:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no subscriber {command.subscriber_id}")
    book = Book(account)
    changed = replace(old, status=command.status)
    kind = _status_kind("subscriber", command.status)
    after = book.account()
    decision = _changed(after, book, kind, command.reason, at_ms, (changed,))
    if command.status is Status.ACTIVE:
        return decision
    cause, whose = command.reason or "subscriber blocked", (command.subscriber_id,)
    return replace(decision, requests=aborts(sessions, after.last_seq, cause, at_ms, whose))


def change_offer(
    command: ChangeOffer,
    account: Account,
    subscribers: Subscribers,
    at_ms: int,
    sessions: Iterable[Session] = (),
) -> Decision:
    """Another offer for one subscriber; gateways are asked to come back for its open sessions.

    NOT_FOUND when the account has no such subscriber, CONFLICT when it has that offer.
    """
    old = subscribers.get(command.subscriber_id)
    if old is None:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no subscriber {command.subscriber_id}")
    if old.offer == command.offer:
        return refuse(Verdict.CONFLICT, f"subscriber {command.subscriber_id} has offer {command.offer} already")
    book = Book(account)
    after = book.account()
    what = f"{old.offer} -> {command.offer}"
    reason = f"{what}: {command.reason}" if command.reason else what
    decision = _changed(after, book, "offer_changed", reason, at_ms, (replace(old, offer=command.offer),))
    cause, whose = f"plan change {what}", (command.subscriber_id,)
    return replace(decision, requests=reauthorisations(sessions, after.last_seq, cause, at_ms, whose))


def ask_gateway(command: AskGateway, account: Account, session: Session | None, at_ms: int) -> Decision:
    """An operator's request to a gateway, on record. NOT_FOUND when there is no such open session, or pool in it."""
    if session is None or session.status is not SessionStatus.OPEN:
        return refuse(Verdict.NOT_FOUND, f"there is no open session {told_key(command.session_id)}")
    if command.pool is not None and all(pool.pool_id != command.pool for pool in session.pools):
        return refuse(Verdict.NOT_FOUND, f"session {told_key(command.session_id)} has no credit pool {command.pool}")
    book = Book(account)
    after = book.account()
    kind = f"{command.kind.value}_asked"
    entry = Entry(
        account.account_id,
        after.last_seq,
        at_ms,
        kind,
        (),
        session.subscriber_id,
        session.session_id,
        reason=command.reason,
    )
    asked = GatewayRequest(
        account.account_id,
        f"{after.last_seq}-0",
        session.session_id,
        command.kind,
        command.reason or "operator",
        at_ms,
        command.rating_group,
        pool=command.pool,
    )
    data = {"account_id": account.account_id, "request_id": asked.request_id}
    return Decision(Outcome(data=data), after, entry=entry, requests=(asked,))


def _is_in_the_way_of_money(bucket: Bucket) -> bool:
    """Units under this id would keep the account from ever being topped up."""
    return bucket.bucket_id == MONEY_BUCKET and bucket.unit is not UnitType.MONEY


def _status_kind(what: str, status: Status) -> str:
    return f"{what}_{'blocked' if status is Status.BLOCKED else 'unblocked'}"


def _conflict(new: Collection[NewSubscriber], present: Collection[str], taken: Collection[Identity]) -> str:
    ids = [subscriber.subscriber_id for subscriber in new]
    names = [name for subscriber in new for name in subscriber.identities]
    for subscriber_id in ids:
        if subscriber_id in present or ids.count(subscriber_id) > 1:
            return f"subscriber {subscriber_id} exists"
    for name in names:
        if name in taken or names.count(name) > 1:
            return f"{name.kind.value} {name.value} belongs to another subscriber"
    return ""


def _subscriber(new: NewSubscriber, account_id: str, at_ms: int) -> Subscriber:
    return Subscriber(
        account_id,
        new.subscriber_id,
        new.identities,
        new.offer,
        created_ms=at_ms,
        time_zone=new.time_zone,
        segment=new.segment,
    )


def _changed(
    account: Account,
    book: Book,
    kind: str,
    reason: str,
    at_ms: int,
    subscribers: tuple[Subscriber, ...] = (),
    new: Collection[NewSubscriber] = (),
) -> Decision:
    subscriber_id = subscribers[0].subscriber_id if len(subscribers) == 1 else ""
    entry = Entry(account.account_id, account.last_seq, at_ms, kind, tuple(book.postings), subscriber_id, reason=reason)
    identities = tuple(
        (name, SubscriberRef(account.account_id, subscriber.subscriber_id))
        for subscriber in new
        for name in subscriber.identities
    )
    data = {"account_id": account.account_id, "seq": account.last_seq}
    return Decision(Outcome(data=data), account, None, subscribers, entry, identities)
