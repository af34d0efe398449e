"""Reads the journals of all accounts for a span of time: for what has to look at recorded usage again."""

from collections.abc import AsyncIterator

from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.rating.local_time import MS_PER_DAY
from diameter_ocs.storage.past import last_seq_at
from diameter_ocs.storage.protocol import Store, VersionedAccount, Wanted

LEAD_IN_MS = MS_PER_DAY
"""How long before a span reading has to begin, so that conditions of sessions that were open then are known."""
ACCOUNTS_PER_PAGE = 200
ENTRIES_PER_PAGE = 2000


async def accounts(store: Store) -> AsyncIterator[VersionedAccount]:
    """Every account, by id."""
    after = ""
    while ids := await store.account_ids(after, ACCOUNTS_PER_PAGE):
        loaded = (await store.load(Wanted(accounts=tuple(ids)))).accounts
        for account_id in ids:
            yield loaded[account_id]
        after = ids[-1]


async def entries_between(store: Store, account: Account, from_ms: int, until_ms: int) -> AsyncIterator[Entry]:
    """The entries of an account from a moment on until before another, in order, page by page."""
    seq, _ = await last_seq_at(store, account, from_ms - 1)
    while seq < account.last_seq:
        page = await store.entries(account.account_id, seq, min(ENTRIES_PER_PAGE, account.last_seq - seq))
        for entry in page:
            if entry.at_ms >= until_ms:
                return
            yield entry
        seq = page[-1].seq
