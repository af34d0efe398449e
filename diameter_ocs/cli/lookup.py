"""Finds records by what a person calls them."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from diameter_ocs.charging.session import Session
from diameter_ocs.cli import options
from diameter_ocs.cli.failure import Failure
from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.events import EVENT_KINDS, event_entries
from diameter_ocs.storage.protocol import VersionedAccount, Wanted
from diameter_ocs.values.session_key import told_key

if TYPE_CHECKING:
    from diameter_ocs.storage import Store

PAGE = 500
ENTRIES_LOOKED_AT = 500
EVENTS_SHOWN = 20
JOURNAL_PAGE = 5000
OPENING = "ccr_initial"


async def account(store: "Store", account_id: str) -> VersionedAccount:
    """Raises Failure when there is none."""
    loaded = await store.load(Wanted(accounts=(account_id,)))
    if account_id not in loaded.accounts:
        raise Failure(f"there is no account {account_id}")
    return loaded.accounts[account_id]


async def accounts(store: "Store", limit: int) -> list[VersionedAccount]:
    """The first accounts by id."""
    found: list[VersionedAccount] = []
    after = ""
    while len(found) < limit and (ids := await store.account_ids(after, min(PAGE, limit - len(found)))):
        loaded = (await store.load(Wanted(accounts=tuple(ids)))).accounts
        found += [loaded[each] for each in ids if each in loaded]
        after = ids[-1]
    return found


async def subscriber(store: "Store", who: str) -> tuple[VersionedAccount, Subscriber]:
    """By an identity, or by 'ACCOUNT/SUBSCRIBER'. Raises Failure when there is none, or when two have that name."""
    account_id, slash, subscriber_id = who.partition("/")
    if slash and ":" not in account_id:
        return _of_account(await account(store, account_id), subscriber_id)
    names = options.named_identities(who)
    loaded = await store.load(Wanted(identities=names))
    refs = set(loaded.identities.values())
    if len(refs) > 1:
        kinds = " or ".join(f"{name.kind.value}:{name.value}" for name in loaded.identities)
        raise Failure(f"{who} belongs to two subscribers: say {kinds}")
    for ref in refs:
        return _of_account(loaded.accounts[ref.account_id], ref.subscriber_id)
    raise Failure(f"there is no subscriber {who} (msisdn, imsi, kind:value such as nai:..., or ACCOUNT/SUBSCRIBER)")


def _of_account(loaded: VersionedAccount, subscriber_id: str) -> tuple[VersionedAccount, Subscriber]:
    for each in loaded.subscribers:
        if each.subscriber_id == subscriber_id:
            return loaded, each
    raise Failure(f"account {loaded.account.account_id} has no subscriber {subscriber_id}")


async def session(store: "Store", key: str | None) -> Session:
    """By its key (see values.session_key), or the one with the latest request. Raises Failure when there is none."""
    if key is None:
        for latest in await store.sessions(open_only=False, limit=1):
            return latest
        raise Failure("there is no session yet")
    loaded = await store.load(Wanted(session_ids=(key,)))
    if key not in loaded.sessions:
        raise Failure(f"there is no session {told_key(key)} (closed sessions are forgotten after a while)")
    return loaded.sessions[key]


async def journal(store: "Store", account_id: str, after_seq: int = 0) -> AsyncIterator[Entry]:
    """The entries of an account in order, page by page. Raises Failure when there is no such account."""
    await account(store, account_id)
    while page := await store.entries(account_id, after_seq, JOURNAL_PAGE):
        for entry in page:
            yield entry
        after_seq = page[-1].seq


async def earlier_in_session(store: "Store", last: Entry) -> list[Entry]:
    """The entries of its session before one, back to the first, in order; for sessions that are forgotten."""
    found: list[Entry] = []
    before = last.seq
    while before > 1 and not (found and found[0].kind == OPENING):
        after = max(before - 1 - JOURNAL_PAGE, 0)
        page = await store.entries(last.account_id, after, before - 1 - after)
        found = [entry for entry in page if entry.session_id == last.session_id] + found
        before = after + 1
    return found


async def latest_events(store: "Store", loaded: VersionedAccount) -> list[Entry]:
    """One-time events among the newest entries of an account, in order."""
    after = max(0, loaded.account.last_seq - ENTRIES_LOOKED_AT)
    newest = await store.entries(loaded.account.account_id, after, ENTRIES_LOOKED_AT)
    return [entry for entry in newest if entry.kind in EVENT_KINDS][-EVENTS_SHOWN:]


async def event(store: "Store", key: str) -> tuple[VersionedAccount, list[Entry]] | None:
    """The account that an event with this key changed, and its entries; None when nothing is remembered."""
    found = await event_entries(store, key)
    return (await account(store, found[0].account_id), found) if found else None


async def sessions(store: "Store", account_id: str | None, *, open_only: bool, limit: int) -> Sequence[Session]:
    """By last activity, newest first. Raises Failure for an account that does not exist."""
    if account_id is not None:
        await account(store, account_id)
    return await store.sessions(account_id=account_id, open_only=open_only, limit=limit)
