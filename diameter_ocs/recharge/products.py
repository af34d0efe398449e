"""Products of an account: bought, renewed, tried again while unpaid, cancelled, ended."""

from collections.abc import Collection, Iterable, Mapping
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from diameter_ocs.charging.basis import plan
from diameter_ocs.charging.decision import Decision, refuse
from diameter_ocs.charging.outbox import requests_after_credit
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Bucket, Status, Subscriber
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.life import Stage
from diameter_ocs.ledger.owned import Owned, OwnedState
from diameter_ocs.ledger.terms import BucketTerms, Use
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.local_time import MS_PER_SECOND, time_zone
from diameter_ocs.rating.products import ALL_OF_IT, Allowance, Product
from diameter_ocs.recharge.commands import Buy, CancelProduct
from diameter_ocs.values.money import format_money
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

SERVICE = "product"
"""What money is spent on here: buckets that are meant for some service only do not pay for it."""
Subscribers = Mapping[str, Subscriber]


def zone_for(subscriber_id: str, subscribers: Subscribers, catalogue: Catalogue) -> ZoneInfo:
    """By whose clocks periods are counted: the subscriber's, else the operator's."""
    subscriber = subscribers.get(subscriber_id)
    return time_zone(subscriber.time_zone) if subscriber is not None and subscriber.time_zone else catalogue.zone


def buy(
    command: Buy,
    account: Account,
    subscribers: Subscribers,
    catalogue: Catalogue,
    at_ms: int,
    sessions: Iterable[Session] = (),
) -> Decision:
    """Pay the price and bring the allowances, or do neither.

    NOT_FOUND: no such product or subscriber. SERVICE_DENIED: the account is blocked. CREDIT_LIMIT_REACHED: too little
    money. Gateways of sessions that had run dry are asked to come back.
    """
    product = catalogue.products.get(command.product)
    if product is None:
        return refuse(Verdict.NOT_FOUND, f"catalogue {catalogue.version} has no product {command.product}")
    if command.subscriber_id and command.subscriber_id not in subscribers:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no subscriber {command.subscriber_id}")
    if account.status is not Status.ACTIVE:
        return refuse(Verdict.SERVICE_DENIED, f"account {account.account_id} is {account.status.value}")
    book = Book(account, Use(command.subscriber_id, SERVICE))
    book.expire(at_ms)
    if not book.pay(product.price_micros, at_ms):
        price = format_money(product.price_micros, account.currency)
        return refuse(Verdict.CREDIT_LIMIT_REACHED, f"{product.name} costs {price}; the account has less")
    new = Owned(f"{product.name}-{account.last_seq + 1}", product.name, command.subscriber_id, at_ms, at_ms, 0)
    zone = zone_for(command.subscriber_id, subscribers, catalogue)
    new = replace(new, next_ms=product.end_of(0, at_ms, zone), length=product.length)
    made = _bring(book, new, product, catalogue, zone, {})
    if new.next_ms:
        book.owned = (*book.owned, new)
    return _done(book, account, "product_bought", new, command.reason, at_ms, made, sessions, catalogue)


def cancel(command: CancelProduct, account: Account, at_ms: int) -> Decision:
    """End a product with its period, or at once.

    NOT_FOUND when the account does not have it, CONFLICT when it ends with its period already.
    """
    old = next((each for each in account.owned if each.owned_id == command.owned_id), None)
    if old is None:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no product {command.owned_id}")
    if not command.at_once and old.state is OwnedState.CANCELLED:
        return refuse(Verdict.CONFLICT, f"product {command.owned_id} is cancelled already")
    book = Book(account)
    book.expire(at_ms)
    if not command.at_once and old.state is OwnedState.ACTIVE:
        book.owned = _without(book.owned, old, replace(old, state=OwnedState.CANCELLED))
        return _done(book, account, "product_cancelled", old, command.reason, at_ms)
    for bucket in book.buckets():
        if bucket.bucket_id.startswith(f"{old.owned_id}/"):
            book.end(bucket.bucket_id, at_ms)
    book.expire(at_ms)
    book.owned = _without(book.owned, old)
    return _done(book, account, "product_ended", old, command.reason, at_ms)


def include(decision: Decision, new: Collection[Subscriber], catalogue: Catalogue, at_ms: int) -> Decision:
    """The same decision with the products of the new subscribers' offers: due now, paid as renewals are.

    Those of a pre-active subscriber wait for its first use.
    """
    account = decision.account
    if account is None:
        return decision
    book = Book(account)
    for subscriber in new:
        offer = catalogue.offers.get(subscriber.offer)
        for name in offer.products if offer is not None else ():
            owned_id = f"{name}-{account.last_seq}-{len(book.owned)}"
            is_waiting = subscriber.life is not None and subscriber.life.stage is Stage.PRE_ACTIVE
            member = Owned(owned_id, name, subscriber.subscriber_id, at_ms, at_ms, -1, 0 if is_waiting else at_ms)
            book.owned = (*book.owned, member)
    return replace(decision, account=book.account(entries=0)) if book.owned != account.owned else decision


def start_waiting(book: Book, subscriber_id: str, at_ms: int) -> None:
    """A subscriber is used for the first time: the products that waited for that are due now."""
    book.owned = tuple(
        replace(each, next_ms=at_ms) if each.subscriber_id == subscriber_id and _is_waiting(each) else each
        for each in book.owned
    )


def _is_waiting(owned: Owned) -> bool:
    return owned.period < 0 and not owned.next_ms


def retry_unpaid(book: Book, at_ms: int) -> None:
    """Money has come: charges that could not be paid are due now."""
    if any(each.state is OwnedState.UNPAID for each in book.owned):
        book.owned = tuple(
            replace(each, next_ms=at_ms) if each.state is OwnedState.UNPAID else each for each in book.owned
        )


def renew(
    owned: Owned,
    account: Account,
    subscribers: Subscribers,
    catalogue: Catalogue,
    at_ms: int,
    sessions: Iterable[Session] = (),
) -> Decision:
    """What its time has brought to a product, as of its `next_ms`: renewed, unpaid, or over."""
    due_ms, product = owned.next_ms, catalogue.products.get(owned.product)
    book = Book(account, Use(owned.subscriber_id, SERVICE))
    is_first = owned.period < 0
    if product is None or owned.state is OwnedState.CANCELLED or not (product.renews or is_first):
        why = "no longer sold" if product is None else owned.state.value if product.renews else "its time is over"
        return _over(book, account, owned, why, at_ms)
    payer = subscribers.get(owned.subscriber_id)
    may_pay = payer is None or not (payer.is_in_grace or payer.is_ended)
    if not may_pay or not book.pay(product.price_micros, due_ms):
        return _unpaid(book, account, owned, product, at_ms)
    zone = zone_for(owned.subscriber_id, subscribers, catalogue)
    new = replace(owned, period=owned.period + 1)
    is_anew = is_first or owned.state is OwnedState.UNPAID
    is_of_another_length = bool(owned.length) and owned.length != product.length
    if is_anew or is_of_another_length:
        new = replace(new, anchor_ms=due_ms, first_period=new.period, state=OwnedState.ACTIVE, unpaid_since_ms=0)
    new = replace(new, next_ms=product.end_of(new.index, new.anchor_ms, zone), length=product.length)
    carried = {} if is_anew else {each.name: _carry(book, owned, each) for each in catalogue.allowances(product)}
    book.expire(due_ms)
    made = _bring(book, new, product, catalogue, zone, carried)
    book.owned = _without(book.owned, owned, *([new] if new.next_ms else []))
    return _done(book, account, "product_renewed", new, f"period {new.period}", at_ms, made, sessions, catalogue)


def _unpaid(book: Book, account: Account, owned: Owned, product: Product, at_ms: int) -> Decision:
    """Too little money: no allowances for now, tried again until the grace is over."""
    due_ms = owned.next_ms
    since_ms = owned.unpaid_since_ms or due_ms
    last_ms = since_ms + product.grace_seconds * MS_PER_SECOND
    if due_ms >= last_ms:
        return _over(book, account, owned, "not paid", at_ms)
    again_ms = min(due_ms + product.retry_seconds * MS_PER_SECOND, last_ms)
    waiting = replace(owned, state=OwnedState.UNPAID, unpaid_since_ms=since_ms, next_ms=again_ms)
    book.expire(due_ms)
    book.owned = _without(book.owned, owned, waiting)
    price = format_money(product.price_micros, account.currency)
    return _done(book, account, "product_unpaid", waiting, f"{price} due, too little money", at_ms)


def _over(book: Book, account: Account, owned: Owned, why: str, at_ms: int) -> Decision:
    book.expire(owned.next_ms)
    book.owned = _without(book.owned, owned)
    return _done(book, account, "product_ended", owned, why, at_ms)


def _carry(book: Book, owned: Owned, allowance: Allowance) -> int:
    """What goes on into the next period of an allowance; the rest of the last one is written off."""
    most = None if allowance.carried == ALL_OF_IT else allowance.carried
    return book.carry(_bucket_id(owned, allowance), most)


def _bucket_id(owned: Owned, allowance: Allowance, mark: str = "") -> str:
    return f"{owned.owned_id}/{allowance.name}/{owned.period}{mark}"


def _bring(
    book: Book, owned: Owned, product: Product, catalogue: Catalogue, zone: ZoneInfo, carried: Mapping[str, int]
) -> list[Bucket]:
    """The buckets of a period, and what was carried into it."""
    start_ms = product.end_of(owned.index - 1, owned.anchor_ms, zone) if owned.index else owned.anchor_ms
    made = []
    for allowance in catalogue.allowances(product):
        owners = (owned.subscriber_id,) if owned.subscriber_id and not product.is_shared else ()
        terms = BucketTerms(
            owners,
            allowance.services,
            allowance.is_blocking,
            pays_for=allowance.pays_for,
            factor=allowance.factor,
            destinations=allowance.destinations,
            networks=allowance.networks,
            bands=allowance.bands,
        )
        bucket = Bucket(
            _bucket_id(owned, allowance),
            allowance.unit,
            allowance.amount,
            priority=allowance.priority,
            valid_from_ms=start_ms,
            valid_until_ms=owned.next_ms or None,
            rating_groups=allowance.rating_groups,
            name=f"{product.title}: {allowance.name}",
            terms=terms if terms != BucketTerms() else None,
        )
        made.append(bucket)
        left = carried.get(allowance.name, 0)
        if left:
            until_ms = product.end_of(owned.index + allowance.carried_periods - 1, owned.anchor_ms, zone)
            name = f"{bucket.name}, carried over"
            more = replace(bucket, bucket_id=f"{bucket.bucket_id}+", remaining=left, valid_until_ms=until_ms, name=name)
            made.append(more)
    for bucket in made:
        book.add(bucket)
    return made


def _without(all_owned: tuple[Owned, ...], old: Owned, *new: Owned) -> tuple[Owned, ...]:
    """The products with one replaced, or taken away."""
    return tuple(each for known in all_owned for each in (new if known.owned_id == old.owned_id else (known,)))


def _done(
    book: Book,
    account: Account,
    kind: str,
    owned: Owned,
    reason: str,
    at_ms: int,
    made: Collection[Bucket] = (),
    sessions: Iterable[Session] = (),
    catalogue: Catalogue | None = None,
) -> Decision:
    after = book.account()
    told = f"{owned.owned_id}: {reason}" if reason else owned.owned_id
    entry = Entry(
        account.account_id,
        after.last_seq,
        at_ms,
        kind,
        tuple(book.postings),
        owned.subscriber_id,
        reason=told,
        plan="" if catalogue is None else plan(catalogue.version, owned.product, SERVICE),
    )
    data = {"account_id": account.account_id, "seq": after.last_seq, "owned_id": owned.owned_id}
    decision = Decision(Outcome(data=data), after, entry=entry)
    if not made or after.status is not Status.ACTIVE:
        return decision
    return replace(decision, requests=requests_after_credit(sessions, _all_of(made), after.last_seq, told, at_ms))


def _all_of(made: Collection[Bucket]) -> Bucket:
    """A bucket that helps whomever one of these helps."""
    groups = {group for bucket in made for group in bucket.rating_groups}
    for_all = any(not bucket.rating_groups for bucket in made)
    return Bucket("", UnitType.OCTETS, 0, rating_groups=() if for_all else tuple(groups))
