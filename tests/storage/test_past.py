"""Balances of the past are read from the nearer end of the journal, and only as far as it takes."""

import pytest
from msgspec.structs import replace

from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.past import balance_at, last_seq_at
from diameter_ocs.values.units import UnitType
from tests.support.stores import account, creation

ENTRIES = 5000


@pytest.fixture
async def life():
    """A store with an account of 5,000 entries, one each 10 ms; and what was held after each."""
    store = MemoryStore()
    await store.open()
    now = replace(account("acc-1"), buckets=(), last_seq=0)
    entries, seen = [], [{}]
    for number in range(1, ENTRIES + 1):
        book = Book(now)
        if number == 1:
            book.add(Bucket("money", UnitType.MONEY, 10**9))
        if number % 7 == 2:
            book.reserve("money", 500, 10, 500)
        elif number % 7 == 5:
            book.release("money", 500, 10, 500)
            book.debit("money", 300, 10, 300)
        now = book.account()
        entries.append(Entry("acc-1", number, number * 10, "x", tuple(book.postings)))
        seen.append({each.bucket_id: (each.remaining, each.reserved) for each in now.buckets})
    await store.commit([replace(creation("acc-1"), account=now, entries=tuple(entries))])
    yield store, now, seen
    await store.close()


@pytest.mark.parametrize("seq", [0, 1, 2, 5, 6, 1999, 2000, 2001, 2499, 2500, 2501, 3001, 4998, 4999, 5000])
async def test_what_was_held_then(life, seq):
    store, now, seen = life
    for at_ms in (seq * 10, seq * 10 + 9):
        past = await balance_at(store, now, at_ms)
        assert past.seq == seq
        assert {each.bucket_id: (each.remaining, each.reserved) for each in past.buckets} == seen[seq]
        assert all(each.unit is UnitType.MONEY for each in past.buckets)


async def test_the_nearer_end_is_read(life):
    store, now, _ = life
    assert (await balance_at(store, now, 100)).read < 40
    assert (await balance_at(store, now, 49_900)).read < 40
    assert (await balance_at(store, now, 25_000)).read < 2550


async def test_an_account_without_entries():
    store = MemoryStore()
    assert await last_seq_at(store, replace(account("acc-1"), last_seq=0), 5) == (0, 0)
