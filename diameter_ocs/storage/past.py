"""Reads as much of a journal as it takes to tell what an account held at a moment, and no more."""

from collections.abc import AsyncIterator

from msgspec import Struct

from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.history import Held, Past
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.protocol import Store

PAGE = 2000


class PastBalance(Struct, frozen=True):
    """seq: of the last entry at or before that moment; 0: there was none yet. read: entries looked at."""

    at_ms: int
    seq: int
    buckets: list[Held]
    read: int


async def balance_at(store: Store, account: Account, at_ms: int) -> PastBalance:
    """What the account held after its last entry at or before `at_ms`.

    Forwards from the first entry, or backwards from `account` (as it is stored now), whichever is nearer.
    """
    seq, read = await last_seq_at(store, account, at_ms)
    if seq <= account.last_seq - seq:
        past = Past()
        async for entry in _between(store, account.account_id, 0, seq):
            past.redo(entry)
        return PastBalance(at_ms, seq, past.buckets(), read + seq)
    past = Past(account.buckets)
    last = account.last_seq
    while last > seq:
        first = max(seq, last - PAGE)
        page = [entry async for entry in _between(store, account.account_id, first, last)]
        for entry in reversed(page):
            past.undo(entry)
        last = first
    return PastBalance(at_ms, seq, past.buckets(), read + account.last_seq - seq)


async def last_seq_at(store: Store, account: Account, at_ms: int) -> tuple[int, int]:
    """Number of the last entry at or before a moment, and how many were read to find it: by halving.

    Where a clock was put back, entries stand in the order in which they were made.
    """
    before, after, read = 0, account.last_seq + 1, 0
    while after - before > 1:
        middle = (before + after) // 2
        (entry,) = await store.entries(account.account_id, middle - 1, 1)
        read += 1
        if entry.at_ms <= at_ms:
            before = middle
        else:
            after = middle
    return before, read


async def _between(store: Store, account_id: str, after: int, last: int) -> AsyncIterator[Entry]:
    while after < last:
        page = await store.entries(account_id, after, min(PAGE, last - after))
        for entry in page:
            yield entry
        after = page[-1].seq
