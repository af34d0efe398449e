"""Every store under test, and records to put into it."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Raw

from diameter_ocs.charging.session import Answer, Quota, Reservation, Session, SessionStatus
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.protocol import AccountWrite, Store
from diameter_ocs.storage.sqlite import SqliteStore
from diameter_ocs.values.identity import Identity, IdentityKind, SubscriberRef
from diameter_ocs.values.units import UnitType

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "ocs.db", busy_timeout_seconds=0.05),
}
"""A new engine is one line here."""


def identity_of(account_id: str) -> Identity:
    return Identity(IdentityKind.PRIVATE, f"user@{account_id}")


def subscriber(account_id: str, subscriber_id: str = "sub", offer: str = "basic") -> Subscriber:
    return Subscriber(account_id, subscriber_id, (identity_of(account_id),), offer, created_ms=5)


def account(
    account_id: str, *, remaining: int = 1000, reserved: int = 0, last_seq: int = 1, opened: int = 0
) -> Account:
    data = Bucket("data", UnitType.OCTETS, remaining, reserved, rating_groups=(10, 20), valid_until_ms=9_000)
    money = Bucket("money", UnitType.MONEY, 5_000_000)
    return Account(account_id, buckets=(data, money), last_seq=last_seq, open_sessions=opened, name="Zoë \u2028 \x1e")


def creation(account_id: str, *, identities: tuple[Identity, ...] | None = None) -> AccountWrite:
    """A new account with one subscriber: 1,000 octets and 5 EUR."""
    names = (identity_of(account_id),) if identities is None else identities
    postings = (
        Posting(Action.CREDIT, "data", 1000, unit=UnitType.OCTETS),
        Posting(Action.CREDIT, "money", 5_000_000, unit=UnitType.MONEY),
    )
    return AccountWrite(
        account_id,
        0,
        account(account_id),
        (subscriber(account_id),),
        tuple((name, SubscriberRef(account_id, "sub")) for name in names),
        entries=(Entry(account_id, 1, 10, "account_created", postings, reason="by an operator"),),
    )


def session(
    session_id: str,
    account_id: str,
    *,
    status: SessionStatus = SessionStatus.OPEN,
    last_ms: int = 100,
    expires_ms: int = 1000,
    reserved: int = 0,
    answers: tuple[Answer, ...] = (),
    opened_seq: int = 2,
) -> Session:
    held = (Reservation("data", reserved, reserved),) if reserved else ()
    return Session(
        session_id,
        account_id,
        "sub",
        50,
        last_ms,
        expires_ms,
        "pgw.example.net",
        "example.net",
        "32251@3gpp.org",
        status,
        (Quota(10, (), UnitType.OCTETS, reserved, held),),
        opened_seq=opened_seq,
        answers=answers,
    )


def outcome(text: str = "success") -> Raw:
    return Raw(b'{"verdict":"%s"}' % text.encode())


def request_entry(account_id: str, seq: int, session_id: str, number: int, *, reserve: int = 0) -> Entry:
    """The journal entry of a CCR; the first of a session is its CCR-Initial."""
    postings = (Posting(Action.RESERVE, "data", reserve, 10, reserve),) if reserve else ()
    if number:
        basis = Raw(b'{"rule":"internet","unit":"octets"}')
        postings = (Posting(Action.DEBIT, "data", 5, 10, 5, "", None, 995, basis, 7), *postings)
    kind, conditions = ("ccr_update", None) if number else ("ccr_initial", Raw(b'{"apn":"internet"}'))
    plan = '["1","prepaid","data"]'
    return Entry(
        account_id,
        seq,
        100 + seq,
        kind,
        postings,
        "sub",
        session_id,
        number,
        outcome(),
        "",
        700 + seq,
        plan,
        conditions,
    )


def opening(account_id: str, session_id: str, *, version: int = 1, seq: int = 2, reserve: int = 100) -> AccountWrite:
    """A CCR-Initial that reserves octets, on a new account."""
    return AccountWrite(
        account_id,
        version,
        account(account_id, reserved=reserve, last_seq=seq, opened=1),
        sessions=(session(session_id, account_id, reserved=reserve, opened_seq=seq),),
        entries=(request_entry(account_id, seq, session_id, 0, reserve=reserve),),
    )
