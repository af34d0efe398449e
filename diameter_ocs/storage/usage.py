"""Reads journals of all accounts for a span of time: for what has to look at recorded usage again."""

from collections.abc import AsyncIterator

from diameter_ocs.ledger.journal import Entry
from diameter_ocs.rating.local_time import MS_PER_DAY
from diameter_ocs.storage.past import last_seq_at
from diameter_ocs.storage.protocol import Store, VersionedAccount, Wanted

LEAD_IN_MS = MS_PER_DAY
"""How long before the span reading begins, so that the conditions of sessions that were open then are known."""
ACCOUNTS_PER_PAGE = 200
ENTRIES_PER_PAGE = 2000


async def journals(store: Store, from_ms: int, until_ms: int) -> AsyncIterator[tuple[VersionedAccount, list[Entry]]]:
    """Every account with its entries of the span and a day before it, in order; those without any are left out."""
    after = ""
    while ids := await store.account_ids(after, ACCOUNTS_PER_PAGE):
        loaded = (await store.load(Wanted(accounts=tuple(ids)))).accounts
        for account_id in ids:
            entries = await _entries(store, loaded[account_id], from_ms - LEAD_IN_MS, until_ms)
            if entries:
                yield loaded[account_id], entries
        after = ids[-1]


async def _entries(store: Store, owner: VersionedAccount, from_ms: int, until_ms: int) -> list[Entry]:
    account_id, last = owner.account.account_id, owner.account.last_seq
    seq, _ = await last_seq_at(store, owner.account, from_ms - 1)
    found: list[Entry] = []
    while seq < last:
        page = await store.entries(account_id, seq, min(ENTRIES_PER_PAGE, last - seq))
        found += [entry for entry in page if entry.at_ms < until_ms]
        if page[-1].at_ms >= until_ms:
            break
        seq = page[-1].seq
    return found
