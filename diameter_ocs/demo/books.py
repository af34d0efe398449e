"""What the journal says a session consumed, to be held against what its gateway saw."""

from collections.abc import Iterable, Sequence

from diameter_ocs.ledger.journal import Entry
from diameter_ocs.simulator.conservation import CONSUMING, differences
from diameter_ocs.simulator.credit import SessionBooks
from diameter_ocs.storage.events import event_entries
from diameter_ocs.storage.protocol import Store


async def differences_of(store: Store, seen: SessionBooks) -> list[str]:
    """Where the journal of some sessions is not what their gateway saw, in words; empty when they agree."""
    booked = {session_id: consumed(await _entries(store, session_id)) for session_id in seen}
    return differences(seen, booked)


async def _entries(store: Store, session_id: str) -> Sequence[Entry]:
    """Of a session, or else of a one-time event with that Session-Id."""
    return await store.session_entries(session_id) or await event_entries(store, session_id)


def consumed(entries: Iterable[Entry]) -> dict[int | None, int]:
    """Units by rating group that the journal booked on a session, paid or free."""
    groups: dict[int | None, int] = {}
    for entry in entries:
        for posting in entry.postings:
            if posting.action in CONSUMING:
                groups[posting.rating_group] = groups.get(posting.rating_group, 0) + posting.units
    return groups
