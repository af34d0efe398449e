"""The comparison of both sides' books, and the reading of the server's."""

import pytest

from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.simulator.conservation import MAX_DIFFERENCES, consumed_by_session, differences
from diameter_ocs.simulator.credit import Reported
from diameter_ocs.storage import open_store
from diameter_ocs.storage.protocol import AccountWrite, Store

SESSION = "pgw;1;1;gy"


@pytest.mark.parametrize(
    ("book", "debited", "words"),
    [
        (Reported(answered=5), 5, ""),
        (Reported(answered=5), 4, "5 octets were reported and answered, but only 4 debited"),
        (Reported(answered=5), 6, "6 octets were debited, but at most 5 reported"),
        (Reported(answered=5, unanswered=3), 5, ""),
        (Reported(answered=5, unanswered=3), 8, ""),
        (Reported(answered=5, unanswered=3), 9, "9 octets were debited, but at most 8 reported"),
        (Reported(answered=5, doubtful=2), 7, ""),
        (Reported(answered=5, refused=2), 7, "7 octets were debited, but at most 5 reported"),
        (Reported(), 0, ""),
    ],
)
def test_what_may_be_debited(book: Reported, debited: int, words: str) -> None:
    found = differences({SESSION: {10: book}}, {SESSION: {10: debited}})
    assert found == ([f"session {SESSION}, rating group 10: {words}"] if words else [])


def test_sessions_and_groups_only_one_side_knows_are_differences() -> None:
    seen = {SESSION: {10: Reported(answered=1), None: Reported(answered=2)}}
    consumed = {SESSION: {20: 3}, "other": {10: 4}}
    assert len(differences(seen, consumed)) == 4


def test_a_session_without_usage_need_not_be_in_the_journal() -> None:
    assert differences({SESSION: {10: Reported()}}, {}) == []


def test_long_lists_are_cut_and_counted() -> None:
    found = differences({f"s{number}": {10: Reported(answered=1)} for number in range(MAX_DIFFERENCES + 7)}, {})
    assert len(found) == MAX_DIFFERENCES + 1
    assert found[-1] == "and 7 more"


def entry(account: str, seq: int, session: str, *postings: Posting) -> Entry:
    return Entry(account, seq, 1000, "ccr_update", postings, session_id=session)


async def write(store: Store, account_id: str, entries: tuple[Entry, ...]) -> None:
    stale = await store.commit([AccountWrite(account_id, 0, Account(account_id, "EUR"), entries=entries)])
    assert not stale


async def test_debited_free_and_unrated_units_of_a_session_add_up() -> None:
    store = open_store("memory://")
    await store.open()
    await write(
        store,
        "one",
        (
            entry("one", 1, "", Posting(Action.CREDIT, "money", 100)),
            entry("one", 2, "mine;1", Posting(Action.RESERVE, "money", 9, 10, 500)),
            entry(
                "one",
                3,
                "mine;1",
                Posting(Action.RELEASE, "money", 9, 10, 500),
                Posting(Action.DEBIT, "data", 300, 10, 300),
                Posting(Action.DEBIT, "money", 4, 10, 200),
                Posting(Action.FREE, "", 0, 30, 70),
                Posting(Action.UNRATED, "", 0, 40, 5),
            ),
        ),
    )
    await write(store, "two", (entry("two", 1, "mine;2", Posting(Action.DEBIT, "data", 1, None, 1)),))
    await write(store, "three", (entry("three", 1, "theirs;1", Posting(Action.DEBIT, "data", 8, 10, 8)),))
    consumed = await consumed_by_session(store, "mine;")
    everything = await consumed_by_session(store)
    await store.close()
    assert consumed == {"mine;1": {10: 500, 30: 70, 40: 5}, "mine;2": {None: 1}}
    assert everything.keys() == {"mine;1", "mine;2", "theirs;1"}
