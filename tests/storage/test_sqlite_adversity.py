"""What the SQLite store does when the disk, the file or another process is against it."""
# ruff: noqa: ASYNC240

import asyncio
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.session import Pool, Reservation
from diameter_ocs.errors import StoreCorrupt, StoreError, StoreUnavailable
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.protocol import StoreTotals, Wanted
from diameter_ocs.storage.sqlite import SqliteStore
from tests.support.stores import creation, identity_of, opening

NOBODY = 65534
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ocs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(path, busy_timeout_seconds=0.05)
    await made.open()
    yield made
    await made.close()


async def is_as_before(store: SqliteStore, totals: StoreTotals) -> bool:
    """Nothing was written, and the store works again."""
    unchanged = await store.totals() == totals
    await store.ping()
    return unchanged and await store.commit([creation("acc-after")]) == frozenset()


# disk full ----------------------------------------------------------------------------------------


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond `size` octets."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_takes_no_more_fails_the_commit_and_nothing_else(store: SqliteStore, path: Path) -> None:
    await store.commit([creation("acc-1")])
    before = await store.totals()
    log = path.with_name("ocs.db-wal").stat().st_size
    with files_no_longer_than(log + 10_000):
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match=r"ocs\.db: the disk (fails|is) "):
                await store.commit([creation(f"acc-big-{number}") for number in range(200)])
        assert (await store.load(Wanted([identity_of("acc-1")]))).accounts["acc-1"].version == 1
    assert await is_as_before(store, before)
    assert (await audit_store(store)).is_clean


async def test_a_full_database_is_told_as_a_full_disk(store: SqliteStore, path: Path) -> None:
    await store.commit([creation("acc-1")])
    before = await store.totals()
    await store._writer.run(set_page_limit, 1)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        await store.commit([creation(f"acc-big-{number}") for number in range(200)])
    await store._writer.run(set_page_limit, 1 << 30)
    assert await is_as_before(store, before)


def set_page_limit(db: sqlite3.Connection, pages: int) -> None:
    db.execute(f"PRAGMA max_page_count = {pages}").fetchall()


async def test_the_log_is_used_again_after_a_checkpoint(store: SqliteStore, path: Path) -> None:
    ids = [f"acc-{number}" for number in range(100)]
    await store.commit([creation(each) for each in ids])
    sizes = []
    for version in range(1, 31):
        await store.checkpoint()
        await store.commit([opening(each, f"s;{each}", version=version, seq=version + 1) for each in ids])
        sizes.append(path.with_name("ocs.db-wal").stat().st_size)
    assert max(sizes) < 3 * sizes[0]
    assert store.size_bytes() == path.stat().st_size + sizes[-1]


# locked -------------------------------------------------------------------------------------------


async def test_a_database_locked_by_another_is_unavailable_until_it_is_released(store: SqliteStore, path: Path) -> None:
    await store.commit([creation("acc-1")])
    before = await store.totals()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for call in (lambda: store.commit([opening("acc-1", "s")]), store.ping, lambda: store.forget_sessions(0, 1)):
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            await call()
    assert (await store.load(Wanted(accounts=["acc-1"]))).accounts["acc-1"].version == 1
    other.execute("ROLLBACK")
    other.close()
    assert await is_as_before(store, before)


async def test_two_stores_on_one_file_see_each_other(store: SqliteStore, path: Path) -> None:
    await store.commit([creation("acc-1")])
    other = SqliteStore(path)
    await other.open()
    assert await other.commit([opening("acc-1", "theirs")]) == frozenset()
    assert await store.commit([opening("acc-1", "ours")]) == {"acc-1"}
    assert [each.session_id for each in await store.sessions()] == ["theirs"]
    await other.close()
    assert await store.commit([opening("acc-1", "ours", version=2, seq=3)]) == frozenset()


async def test_two_processes_may_make_the_same_database_at_once(path: Path) -> None:
    stores = [SqliteStore(path) for _ in range(4)]
    await asyncio.gather(*(each.open() for each in stores))
    stale = await asyncio.gather(*(each.commit([creation("acc-1")]) for each in stores))
    assert sorted(map(len, stale)) == [0, 1, 1, 1]
    await asyncio.gather(*(each.close() for each in stores))


# bad files ----------------------------------------------------------------------------------------


async def refused(path: Path) -> StoreError:
    store = SqliteStore(path)
    with pytest.raises(StoreError) as caught:
        await store.open()
    with pytest.raises(StoreUnavailable):
        await store.totals()
    await store.close()
    assert str(path) in str(caught.value)
    return caught.value


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("these are the notes of somebody " * 100)
    before = path.read_bytes()
    error = await refused(path)
    assert isinstance(error, StoreCorrupt)
    assert "not a database" in str(error)
    assert path.read_bytes() == before


async def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photographs (name TEXT)")
    other.close()
    before = path.read_bytes()
    error = await refused(path)
    assert isinstance(error, StoreCorrupt)
    assert "photographs" in str(error)
    assert path.read_bytes() == before


async def open_and_audit(store: SqliteStore) -> None:
    await store.open()
    await audit_store(store)


async def test_damaged_pages_are_told_as_corrupt(store: SqliteStore, path: Path) -> None:
    await store.commit([creation(f"acc-{number:04d}") for number in range(500)])
    await store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = Random(7).randbytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="damaged"):
        await open_and_audit(store)


async def test_a_truncated_file_is_told_as_corrupt(store: SqliteStore, path: Path) -> None:
    await store.commit([creation(f"acc-{number:04d}") for number in range(500)])
    await store.close()
    os.truncate(path, path.stat().st_size // 2)
    assert isinstance(await refused(path), StoreCorrupt)


async def test_a_record_that_cannot_be_read_names_itself(store: SqliteStore, path: Path) -> None:
    await store.commit([creation("acc-1"), creation("acc-2")])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE accounts SET state = '{\"account_id\": 7}' WHERE account_id = 'acc-2'")
    other.close()
    with pytest.raises(StoreCorrupt, match="an account that cannot be read"):
        await store.load(Wanted(accounts=["acc-2"]))
    assert (await store.load(Wanted(accounts=["acc-1"]))).accounts["acc-1"].version == 1


async def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    error = await refused(tmp_path)
    assert isinstance(error, StoreUnavailable)
    assert "cannot be opened" in str(error)


async def test_missing_folders_are_made(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "var" / "lib" / "ocs.db")
    await store.open()
    await store.close()
    assert (tmp_path / "var" / "lib" / "ocs.db").exists()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = await refused(tmp_path / "file" / "ocs.db")
    assert isinstance(error, StoreUnavailable)
    assert "cannot be made" in str(error)


@contextmanager
def without_privileges() -> Iterator[None]:
    """File permissions do not hold back the superuser: be somebody else for a while."""
    is_superuser = os.geteuid() == 0
    if is_superuser:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_superuser:
            os.seteuid(0)


async def test_a_read_only_database_is_unavailable() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ocs-read-only-"))
    path = folder / "ocs.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    path.chmod(0o444)
    folder.chmod(0o555)
    try:
        with without_privileges():
            error = await refused(path)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert isinstance(error, StoreUnavailable)
    assert "read-only" in str(error)


# journal ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["DELETE FROM entries", "UPDATE entries SET reason = 'never happened'"])
async def test_the_journal_cannot_be_changed_with_sql(store: SqliteStore, path: Path, change: str) -> None:
    await store.commit([creation("acc-1")])
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        other.execute(change)
    other.close()


async def test_views_show_buckets_reservations_and_postings_as_rows(store: SqliteStore, path: Path) -> None:
    await store.commit([creation("acc-1")])
    await store.commit([opening("acc-1", "s", reserve=100)])
    other = sqlite3.connect(path)
    buckets = other.execute("SELECT bucket_id, unit, remaining, reserved, available, priority FROM buckets").fetchall()
    reservations = other.execute(
        "SELECT session_id, rating_group, bucket_id, amount, units FROM reservations"
    ).fetchall()
    postings = other.execute("SELECT seq, kind, action, bucket_id, amount, rating_group FROM postings").fetchall()
    other.close()
    assert buckets == [("data", "octets", 1000, 100, 900, 100), ("money", "money", 5_000_000, 0, 5_000_000, 100)]
    assert reservations == [("s", 10, "data", 100, 100)]
    assert postings == [
        (1, "account_created", "credit", "data", 1000, None),
        (1, "account_created", "credit", "money", 5_000_000, None),
        (2, "ccr_initial", "reserve", "data", 100, 10),
    ]


async def test_what_stands_behind_a_pool_is_a_row_of_its_own(store: SqliteStore, path: Path) -> None:
    await store.commit([creation("acc-1")])
    write = opening("acc-1", "s", reserve=100)
    (held,) = write.sessions
    pool = Pool(1, 50, 20, (Reservation("money", 3, 20),))
    await store.commit([replace(write, sessions=(replace(held, pools=(pool,)),))])
    other = sqlite3.connect(path)
    reservations = other.execute("SELECT rating_group, pool, bucket_id, amount, units FROM reservations").fetchall()
    other.close()
    assert reservations == [(10, None, "data", 100, 100), (None, 1, "money", 3, 20)]


# sudden death -------------------------------------------------------------------------------------


async def acknowledged_until_killed(path: Path, accounts: int, batches: int) -> int:
    """The newest version that the process reported as committed before it was killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.commit_forever",
        str(path),
        str(accounts),
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    lines = [await process.stdout.readline() for _ in range(batches)]
    process.kill()
    lines += (await process.stdout.read()).splitlines()
    await process.wait()
    return max(int(line) for line in lines if line.strip())


async def test_what_was_acknowledged_before_a_kill_is_there_after_it(path: Path) -> None:
    random = Random(20)
    for _ in range(6):
        acknowledged = await acknowledged_until_killed(path, accounts=70, batches=random.randint(1, 40))
        store = SqliteStore(path)
        await store.open()
        held = (await store.load(Wanted(accounts=await store.account_ids()))).accounts
        versions = {each.version for each in held.values()}
        journal = await store.entries("acc-0")
        totals = await store.totals()
        await store.close()
        assert len(held) == 70
        assert versions in ({acknowledged}, {acknowledged + 1})
        assert [entry.seq for entry in journal] == list(range(1, versions.pop() + 1))
        assert totals.entries == 70 * len(journal)
