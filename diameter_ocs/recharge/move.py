"""Units and money that one member of an account gives to another: one step, one journal entry."""

from collections.abc import Iterable

from msgspec.structs import replace

from diameter_ocs.charging.decision import Decision, refuse
from diameter_ocs.charging.outbox import requests_after_credit
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Bucket, Status
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.recharge.commands import MoveUnits
from diameter_ocs.recharge.products import Subscribers
from diameter_ocs.values.verdict import Verdict

EVERYONE = "all"


def target_id(bucket_id: str, subscriber_id: str) -> str:
    """Id of the bucket that holds what was given of another one, to a subscriber or (empty) to everyone."""
    return f"{bucket_id}>{subscriber_id or EVERYONE}"


def move(
    command: MoveUnits, account: Account, subscribers: Subscribers, at_ms: int, sessions: Iterable[Session] = ()
) -> Decision:
    """Take an amount from a bucket into one that pays for the same until the same time, but for somebody else.

    NOT_FOUND: no such bucket or subscriber. CONFLICT: it may draw on the bucket alone already, or one of both buckets
    has ended and waits for a session, with which what is in it will be written off.
    CREDIT_LIMIT_REACHED: not so much is left that is promised to nobody; a credit limit is not given away.
    """
    book = Book(account)
    book.expire(at_ms)
    if not book.has(command.bucket_id):
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no bucket {command.bucket_id}")
    if command.subscriber_id and command.subscriber_id not in subscribers:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no subscriber {command.subscriber_id}")
    source = book.bucket(command.bucket_id)
    terms = source.terms or BucketTerms()
    owners = (command.subscriber_id,) if command.subscriber_id else ()
    if terms.owners == owners:
        whose = command.subscriber_id or "everyone"
        return refuse(Verdict.CONFLICT, f"bucket {source.bucket_id} is for {whose} already")
    for bucket_id in (source.bucket_id, target_id(source.bucket_id, command.subscriber_id)):
        if book.has(bucket_id) and book.bucket(bucket_id).is_expired(at_ms):
            return refuse(Verdict.CONFLICT, f"bucket {bucket_id} has ended, and a session still holds some of it")
    if command.amount > source.available:
        return refuse(Verdict.CREDIT_LIMIT_REACHED, f"bucket {source.bucket_id} has less that is promised to nobody")
    bound = replace(terms, owners=owners, is_blocking=False, overdraft=0)
    target = replace(
        source,
        bucket_id=target_id(source.bucket_id, command.subscriber_id),
        remaining=command.amount,
        reserved=0,
        name=f"{source.name or source.bucket_id}, given",
        terms=bound if bound != BucketTerms() else None,
    )
    book.withdraw(source.bucket_id, command.amount)
    book.add(target)
    return _done(book, account, target, command, at_ms, sessions)


def _done(
    book: Book, account: Account, target: Bucket, command: MoveUnits, at_ms: int, sessions: Iterable[Session]
) -> Decision:
    after = book.account()
    told = f"{command.bucket_id} -> {target.bucket_id}" + (f": {command.reason}" if command.reason else "")
    entry = Entry(
        account.account_id,
        after.last_seq,
        at_ms,
        "units_moved",
        tuple(book.postings),
        command.subscriber_id,
        reason=told,
    )
    data = {"account_id": account.account_id, "seq": after.last_seq, "bucket_id": target.bucket_id}
    decision = Decision(Outcome(data=data), after, entry=entry)
    if after.status is not Status.ACTIVE:
        return decision
    helped = [each for each in sessions if command.subscriber_id in ("", each.subscriber_id)]
    return replace(decision, requests=requests_after_credit(helped, target, after.last_seq, told, at_ms))
