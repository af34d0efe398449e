"""How far an account may go: credit limits of its buckets, and caps on what is spent."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from diameter_ocs.charging.decision import Decision, refuse
from diameter_ocs.charging.outbox import requests_after_credit
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session, SessionStatus
from diameter_ocs.ledger.account import Account, Bucket, Status
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.terms import BucketTerms, Limit
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.periods import Periods, parse_period
from diameter_ocs.recharge.commands import MONEY_BUCKET, SetLimit, SetOverdraft
from diameter_ocs.recharge.products import Subscribers, retry_unpaid, zone_for
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict


def set_overdraft(command: SetOverdraft, account: Account, at_ms: int, sessions: Iterable[Session] = ()) -> Decision:
    """Change a credit limit. NOT_FOUND when there is no such bucket. Sessions that had run dry are asked to go on."""
    book = Book(account)
    if not book.has(command.bucket_id):
        if command.bucket_id != MONEY_BUCKET:
            return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no bucket {command.bucket_id}")
        book.add(Bucket(MONEY_BUCKET, UnitType.MONEY, 0))
    old = book.bucket(command.bucket_id)
    before = old.terms or BucketTerms()
    terms = replace(before, overdraft=command.amount)
    book.bind(command.bucket_id, terms if terms != BucketTerms() else None)
    if command.amount > before.overdraft:
        retry_unpaid(book, at_ms)
    after = book.account()
    told = f"{command.reason}: {before.overdraft} -> {command.amount} on {command.bucket_id}"
    entry = Entry(account.account_id, after.last_seq, at_ms, "overdraft_changed", reason=told)
    decision = Decision(_done(after), after, entry=entry)
    if command.amount <= before.overdraft or after.status is not Status.ACTIVE:
        return decision
    return replace(decision, requests=requests_after_credit(sessions, old, after.last_seq, told, at_ms))


def set_limit(
    command: SetLimit,
    account: Account,
    subscribers: Subscribers,
    catalogue: Catalogue,
    at_ms: int,
    sessions: Iterable[Session] = (),
) -> Decision:
    """Set, change or remove a limit. NOT_FOUND when it names nobody, or is to be removed and not there.

    What open sessions hold counts as reserved from the start. Sessions that a limit had stopped are asked to go on.
    """
    sessions = [session for session in sessions if session.status is SessionStatus.OPEN]
    old = next((limit for limit in account.limits if limit.name == command.name), None)
    if command.subscriber_id and command.subscriber_id not in subscribers:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no subscriber {command.subscriber_id}")
    if old is None and command.maximum is None:
        return refuse(Verdict.NOT_FOUND, f"account {account.account_id} has no limit {command.name}")
    others = tuple(limit for limit in account.limits if limit.name != command.name)
    new = None
    if command.maximum is not None:
        new = _limit(command, command.maximum, old, account, sessions, at_ms)
        zone = zone_for(command.subscriber_id, subscribers, catalogue)
        new = replace(new, until_ms=period_end(new.period, new.since_ms, at_ms, zone))
    limits = others if new is None else (*others, new)
    after = Book(replace(account, limits=limits)).account()
    was = "none" if old is None else str(old.maximum)
    told = f"{command.reason}: limit {command.name} {was} -> {'none' if new is None else new.maximum}"
    entry = Entry(account.account_id, after.last_seq, at_ms, "limit_changed", (), command.subscriber_id, reason=told)
    decision = Decision(_done(after), after, entry=entry)
    if old is None or after.status is not Status.ACTIVE or (new is not None and new.maximum <= old.maximum):
        return decision
    anything = Bucket("", old.unit, 0)
    bound = [each for each in sessions if not old.subscriber_id or each.subscriber_id == old.subscriber_id]
    return replace(decision, requests=requests_after_credit(bound, anything, after.last_seq, told, at_ms))


def _limit(
    command: SetLimit, maximum: int, old: Limit | None, account: Account, sessions: Iterable[Session], at_ms: int
) -> Limit:
    scope = (command.unit, command.subscriber_id, command.period)
    if old is not None and (old.unit, old.subscriber_id, old.period) == scope:
        return replace(old, maximum=maximum)
    units = {bucket.bucket_id: bucket.unit for bucket in account.buckets}
    held = sum(
        promise.amount
        for session in sessions
        if not command.subscriber_id or session.subscriber_id == command.subscriber_id
        for promises in (
            *(quota.reservations for quota in session.quotas),
            *(pool.reservations for pool in session.pools),
        )
        for promise in promises
        if units.get(promise.bucket_id) is command.unit
    )
    return Limit(command.name, command.unit, maximum, command.subscriber_id, command.period, 0, held, at_ms)


def period_end(period: str, since_ms: int, at_ms: int, zone: ZoneInfo) -> int:
    """When the period that holds `at_ms` ends; 0: there are no periods. Raises ValueError for what is no period."""
    return Periods(parse_period(period), since_ms, zone).next_renewal(at_ms) if period else 0


def _done(account: Account) -> Outcome:
    return Outcome(data={"account_id": account.account_id, "seq": account.last_seq})
