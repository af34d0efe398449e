"""Schema steps: applied once, in order, all or nothing; refused when they do not fit."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import Raw
from msgspec.structs import replace

from diameter_ocs.charging.outbox import GatewayRequest, RequestKind
from diameter_ocs.errors import SchemaTooNew, StoreCorrupt, StoreError
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.storage.migrations import Migration, packaged_migrations, split_statements
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.storage.records import encode_state
from diameter_ocs.storage.sqlite import SqliteStore
from diameter_ocs.values.units import UnitType
from tests.support.stores import account, creation

NEXT = packaged_migrations()[-1].number + 1
EXTRA = Migration(
    NEXT, f"{NEXT:03d}_extra.sql", "CREATE TABLE extra (n INTEGER) STRICT;\nINSERT INTO extra VALUES (1);\n"
)


async def open_with(path: Path, steps: list[Migration] | None = None) -> None:
    store = SqliteStore(path, migrations=steps)
    try:
        await store.open()
    finally:
        await store.close()


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ocs.db"


async def test_every_step_is_applied_once_and_recorded(path: Path) -> None:
    for _ in range(2):
        await open_with(path)
    recorded = rows(path, "SELECT number, name, checksum FROM schema_migrations")
    assert recorded == [(step.number, step.name, step.checksum) for step in packaged_migrations()]


async def test_a_newer_release_adds_what_is_missing(path: Path) -> None:
    await open_with(path)
    await open_with(path, [*packaged_migrations(), EXTRA])
    assert rows(path, "SELECT n FROM extra") == [(1,)]


async def test_a_database_of_a_newer_release_is_refused(path: Path) -> None:
    await open_with(path, [*packaged_migrations(), EXTRA])
    with pytest.raises(SchemaTooNew, match=rf"ocs\.db: has schema {NEXT} .*newer release"):
        await open_with(path)


async def test_a_changed_step_is_refused(path: Path) -> None:
    await open_with(path, [*packaged_migrations(), EXTRA])
    changed = Migration(EXTRA.number, EXTRA.name, EXTRA.text + "-- edited\n")
    with pytest.raises(StoreCorrupt, match=rf"{EXTRA.name} is not the one of this release"):
        await open_with(path, [*packaged_migrations(), changed])


async def test_a_step_that_fails_leaves_nothing(path: Path) -> None:
    await open_with(path)
    broken = Migration(EXTRA.number, EXTRA.name, EXTRA.text + "INSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(StoreError, match="nowhere"):
        await open_with(path, [*packaged_migrations(), broken])
    assert rows(path, "SELECT name FROM sqlite_schema WHERE name = 'extra'") == []
    await open_with(path, [*packaged_migrations(), EXTRA])
    assert rows(path, "SELECT n FROM extra") == [(1,)]


def test_a_trigger_is_one_statement() -> None:
    trigger = "CREATE TRIGGER x BEFORE DELETE ON t\nBEGIN\n    SELECT raise(ABORT, 'a;b');\nEND;\n"
    text = "-- why\nCREATE TABLE t (n);\n\n" + trigger
    assert [each.strip().splitlines()[-1] for each in split_statements(text)] == ["CREATE TABLE t (n);", "END;"]


async def test_a_database_of_the_first_release_is_brought_up_to_date(path: Path) -> None:
    """Its records stay as they are, and requests to gateways can be written beside them."""
    first = packaged_migrations()[:1]
    await open_with(path, first)
    before = rows(path, "SELECT count(*) FROM schema_migrations")
    store = SqliteStore(path)
    await store.open()
    try:
        request = GatewayRequest("acc-1", "1-0", "s", RequestKind.ABORT, "fraud", 5)
        assert await store.commit([replace(creation("acc-1"), outbox=(request,))]) == frozenset()
        assert list(await store.pending_requests(10)) == [request]
    finally:
        await store.close()
    assert before == [(1,)]
    numbers = [(each.number,) for each in packaged_migrations()]
    assert rows(path, "SELECT number FROM schema_migrations ORDER BY number") == numbers


async def test_ends_of_buckets_written_by_an_older_release_are_scheduled(path: Path) -> None:
    await open_with(path, packaged_migrations()[:3])
    state = encode_state(replace(account("acc-1"), due_ms=0))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO accounts VALUES ('acc-1', 1, ?)", (state,))
    store = SqliteStore(path)
    await store.open()
    try:
        assert await store.due_accounts(8_999, 10) == []
        assert await store.due_accounts(9_000, 10) == ["acc-1"]
        assert (await store.load(Wanted(accounts=["acc-1"]))).accounts["acc-1"].account.due_ms == 9_000
    finally:
        await store.close()


async def test_entries_of_an_older_release_are_read_without_what_they_do_not_tell(path: Path) -> None:
    await open_with(path, [each for each in packaged_migrations() if each.number < 7])
    postings = '[["credit","data",1000,null,0,"","octets"],["debit","data",30,10,30,"overuse"]]'
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO entries VALUES ('acc-1', 1, 10, 'ccr_update', 'sub', 's', 1, 7, ?, NULL, '')", (postings,)
        )
    store = SqliteStore(path)
    await store.open()
    try:
        (entry,) = await store.entries("acc-1")
    finally:
        await store.close()
    assert entry.postings == (
        Posting(Action.CREDIT, "data", 1000, unit=UnitType.OCTETS),
        Posting(Action.DEBIT, "data", 30, 10, 30, "overuse"),
    )
    assert (entry.plan, entry.conditions) == ("", None)
    told = rows(path, "SELECT action, amount, version, offer, remaining_after, rule, paid_before FROM postings")
    assert told == [("credit", 1000, None, None, None, None, 0), ("debit", 30, None, None, None, None, 0)]


async def test_the_view_of_postings_tells_rule_price_and_what_was_left(path: Path) -> None:
    basis = Raw(b'{"rule":"video","unit":"octets","rate":{"step_units":1000000,"step_micros":30000}}')
    debit = Posting(Action.DEBIT, "money", 60_000, 20, 1_500_000, "", None, 940_000, basis, 4)
    entry = Entry("acc-1", 1, 10, "ccr_update", (debit,), plan='["2026-1","prepaid","voice/originating"]')
    store = SqliteStore(path)
    await store.open()
    try:
        await store.commit([replace(creation("acc-1"), entries=(entry,))])
    finally:
        await store.close()
    columns = "version, offer, service, remaining_after, rule, unit, rate, paid_before"
    assert rows(path, f"SELECT {columns} FROM postings") == [
        (
            "2026-1",
            "prepaid",
            "voice/originating",
            940_000,
            "video",
            "octets",
            '{"step_units":1000000,"step_micros":30000}',
            4,
        )
    ]
