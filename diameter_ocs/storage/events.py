"""What the journal knows of a one-time event, found by its Session-Id while its outcome is remembered."""

from diameter_ocs.charging.event import ENTRY_KIND, event_key
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.protocol import Store, Wanted

PAGE = 1000
EVENT_KINDS = frozenset(ENTRY_KIND.values())


async def event_entries(store: Store, session_id: str) -> list[Entry]:
    """The entries of the event, in order; empty when nothing is remembered of one. Reads a whole journal."""
    loaded = await store.load(Wanted(kept_keys=(event_key(session_id, 0),)))
    found: list[Entry] = []
    for account_id, _ in loaded.kept:
        seq = 0
        while page := await store.entries(account_id, seq, PAGE):
            seq = page[-1].seq
            found += [entry for entry in page if entry.session_id == session_id and entry.kind in EVENT_KINDS]
    return found
