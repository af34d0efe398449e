"""What time itself does to an account: one thing after the other, in the order in which they fall due.

An account that was left alone for long catches up step by step; each step has an entry of its own.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.terms import Limit
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.recharge.lifecycle import next_stage
from diameter_ocs.recharge.limits import period_end
from diameter_ocs.recharge.products import Subscribers, renew, zone_for


def next_due(
    account: Account, subscribers: Subscribers, catalogue: Catalogue, at_ms: int, sessions: Iterable[Session] = ()
) -> Decision | None:
    """The earliest thing that is due at `at_ms`; None when there is none.

    What falls due in the same moment is done in this order: stages of life, products (they carry over what is left
    of their buckets), buckets, limits.
    """
    due_ms = account.due_ms
    if not 0 < due_ms <= at_ms:
        return None
    if 0 < account.stages_ms <= due_ms:
        return next_stage(account, subscribers, catalogue, at_ms, sessions)
    for owned in account.owned:
        if 0 < owned.next_ms <= due_ms:
            return renew(owned, account, subscribers, catalogue, at_ms, sessions)
    if any(each.is_expired(due_ms) and not each.reserved for each in account.buckets):
        return _end_buckets(account, at_ms)
    return _restart_limits(account, subscribers, catalogue, at_ms)


def _end_buckets(account: Account, at_ms: int) -> Decision:
    """Write off every bucket whose time was over when the first of them was."""
    book = Book(account)
    book.expire(account.due_ms)
    return _done(book, account, "buckets_expired", "", at_ms)


def _restart_limits(account: Account, subscribers: Subscribers, catalogue: Catalogue, at_ms: int) -> Decision:
    """Limits whose period is over count from nothing again; what is promised stays promised."""
    over = [limit for limit in account.limits if 0 < limit.until_ms <= account.due_ms]
    book = Book(account)
    for limit in over:
        book.set_limit(_restarted(limit, subscribers, catalogue))
    return _done(book, account, "limits_restarted", ", ".join(limit.name for limit in over), at_ms)


def _restarted(limit: Limit, subscribers: Subscribers, catalogue: Catalogue) -> Limit:
    zone = zone_for(limit.subscriber_id, subscribers, catalogue)
    end_ms = period_end(limit.period, limit.since_ms, limit.until_ms, zone)
    return replace(limit, used=0, until_ms=end_ms)


def _done(book: Book, account: Account, kind: str, reason: str, at_ms: int) -> Decision:
    after = book.account()
    entry = Entry(account.account_id, after.last_seq, at_ms, kind, tuple(book.postings), reason=reason)
    return Decision(Outcome(), after, entry=entry)
