"""The audit of a whole store, which other commits must not disturb."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from diameter_ocs.ledger.audit import UnitTotals
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.storage import audit
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.protocol import AccountWrite
from diameter_ocs.storage.sqlite import SqliteStore
from tests.support.stores import STORES, account, creation, opening, session


@pytest.mark.parametrize("engine", sorted(STORES))
async def test_a_sound_store_is_clean_and_its_totals_add_up(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ACCOUNTS_PER_PAGE", 2)
    store = STORES[engine](tmp_path)
    await store.open()
    await store.commit([creation(f"acc-{number}") for number in range(5)])
    await store.commit([opening("acc-1", "s", reserve=100), opening("acc-3", "t", reserve=50)])
    seen: list[int] = []
    report = await audit_store(store, seen.append)
    await store.close()
    assert report.is_clean
    assert (report.accounts, report.entries, report.open_sessions, report.faulty) == (5, 7, 2, ())
    assert seen == [2, 4, 5]
    assert report.totals == {
        "octets": UnitTotals(credited=5000, remaining=5000, reserved=150),
        "money EUR": UnitTotals(credited=25_000_000, remaining=25_000_000),
    }


async def test_every_tampered_account_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ocs.db"
    store = SqliteStore(path)
    await store.open()
    await store.commit([creation(f"acc-{number}") for number in range(4)])
    await store.commit([opening("acc-0", "s", reserve=100), opening("acc-2", "t", reserve=100)])
    thief = sqlite3.connect(path)
    more = ('"remaining":1000', '"remaining":9000')
    thief.execute("UPDATE accounts SET state = replace(state, ?, ?) WHERE account_id = 'acc-1'", more)
    thief.execute("DELETE FROM sessions WHERE session_id = 't'")
    thief.execute("DROP TRIGGER entries_are_never_deleted")
    thief.execute("DELETE FROM entries WHERE account_id = 'acc-3'")
    thief.commit()
    thief.close()
    report = await audit_store(store)
    await store.close()
    words = {each.account_id: " / ".join(each.discrepancies) for each in report.faulty}
    assert not report.is_clean
    assert report.faulty_accounts == 3
    assert "9000 remaining, its entries say 1000" in words["acc-1"]
    assert "100 reserved, open sessions hold 0" in words["acc-2"]
    assert "counts 1 open sessions, there are 0" in words["acc-2"]
    assert "the journal ends with entry 0" in words["acc-3"]


@pytest.mark.parametrize("engine", sorted(STORES))
async def test_an_audit_beside_running_commits_is_clean(engine: str, tmp_path: Path) -> None:
    store = STORES[engine](tmp_path)
    await store.open()
    ids = [f"acc-{number}" for number in range(30)]
    await store.commit([creation(each) for each in ids])
    await store.commit([opening(each, f"s;{each}", reserve=100) for each in ids])
    audited = asyncio.Event()

    async def settle_and_reserve() -> None:
        version = 2
        while not audited.is_set():
            reserved = 100 if version % 2 else 0
            await store.commit([alternate(each, version, reserved) for each in ids])
            version += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(settle_and_reserve())
        reports = [await audit_store(store) for _ in range(5)]
        audited.set()
    await store.close()
    assert [report.faulty for report in reports] == [()] * 5


def alternate(account_id: str, version: int, reserved: int) -> AccountWrite:
    """Release the reservation, or make it anew."""
    seq = version + 1
    first = opening(account_id, f"s;{account_id}", version=version, seq=seq, reserve=100)
    if reserved:
        return first
    (entry,) = first.entries
    release = Entry(account_id, seq, seq, "ccr_update", release_of(entry.postings), "sub", entry.session_id, seq)
    return AccountWrite(
        account_id,
        version,
        account(account_id, reserved=0, last_seq=seq, opened=1),
        sessions=(session(f"s;{account_id}", account_id, opened_seq=2),),
        entries=(release,),
    )


def release_of(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    return tuple(Posting(Action.RELEASE, each.bucket_id, each.amount) for each in postings)
