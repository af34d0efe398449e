"""Does what the server debited equal what the gateway saw? Compares two sets of books, session by session.

The gateway knows what was reported and answered; the server's journal knows what was debited.
Answered usage must be debited to the octet; usage without an answer may be debited once or not at
all; nothing else may be.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from diameter_ocs.ledger.journal import Action, Entry
from diameter_ocs.simulator.credit import Reported, SessionBooks
from diameter_ocs.storage.protocol import Store

Consumed = Mapping[str, Mapping[int | None, int]]
"""Units debited by Session-Id and rating group."""

CONSUMING = frozenset({Action.DEBIT, Action.FREE, Action.RATED, Action.UNRATED})
PAGE = 1000
MAX_DIFFERENCES = 100
"""More lines than this help nobody; the rest is counted."""


async def consumed_by_session(store: Store, prefix: str = "") -> dict[str, dict[int | None, int]]:
    """What the journal says every session consumed, for Session-Ids that begin with `prefix`.

    Usage that was free or that no tariff could price counts too: it arrived.
    """
    consumed: dict[str, dict[int | None, int]] = {}
    async for entry in _journal(store):
        if entry.session_id and entry.session_id.startswith(prefix):
            groups = consumed.setdefault(entry.session_id, defaultdict(int))
            for posting in entry.postings:
                if posting.action in CONSUMING:
                    groups[posting.rating_group] += posting.units
    return consumed


async def _journal(store: Store) -> AsyncIterator[Entry]:
    """Every entry of every account, page by page."""
    account_id = ""
    while accounts := await store.account_ids(account_id, PAGE):
        for account_id in accounts:
            seq = 0
            while entries := await store.entries(account_id, seq, PAGE):
                seq = entries[-1].seq
                for entry in entries:
                    yield entry


def differences(seen: SessionBooks, consumed: Consumed) -> list[str]:
    """Every session and rating group where the server is wrong, in words; empty when both agree."""
    found = []
    for session_id in sorted(seen.keys() | consumed.keys()):
        reported, debited = seen.get(session_id, {}), consumed.get(session_id, {})
        for group in sorted(reported.keys() | debited.keys(), key=str):
            words = _difference(reported.get(group, Reported()), debited.get(group, 0))
            if words:
                found.append(f"session {session_id}, rating group {group}: {words}")
    return _shortened(found)


def _difference(book: Reported, debited: int) -> str:
    if debited < book.answered:
        return f"{book.answered:,} octets were reported and answered, but only {debited:,} debited"
    if debited > book.at_most:
        return f"{debited:,} octets were debited, but at most {book.at_most:,} reported"
    return ""


def _shortened(found: list[str]) -> list[str]:
    if len(found) <= MAX_DIFFERENCES:
        return found
    return [*found[:MAX_DIFFERENCES], f"and {len(found) - MAX_DIFFERENCES} more"]
