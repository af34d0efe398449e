"""What time itself does to an account: one thing after the other, in the order in which they fall due.

An account that was left alone for long catches up step by step; each step has an entry of its own.
"""

from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import Outcome
from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry


def next_due(account: Account, at_ms: int) -> Decision | None:
    """The earliest thing that is due at `at_ms`; None when there is none."""
    if not 0 < account.due_ms <= at_ms:
        return None
    return _end_buckets(account, at_ms)


def _end_buckets(account: Account, at_ms: int) -> Decision:
    """Write off every bucket whose time was over when the first of them was."""
    book = Book(account)
    book.expire(account.due_ms)
    after = book.account()
    entry = Entry(account.account_id, after.last_seq, at_ms, "buckets_expired", tuple(book.postings))
    return Decision(Outcome(), after, entry=entry)
