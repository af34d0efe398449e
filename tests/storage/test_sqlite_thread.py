"""The one place that uses a private name of aiosqlite: what it must do, whatever aiosqlite does."""

import asyncio
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from diameter_ocs.errors import StoreError, StoreUnavailable
from diameter_ocs.storage.sqlite_thread import SqliteThread


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[SqliteThread]:
    made = await SqliteThread.open(str(tmp_path / "x.db"), 0.05)
    yield made
    await made.close()


def insert(db: sqlite3.Connection, value: int) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER) STRICT")
    db.execute("BEGIN")
    db.execute("INSERT INTO t VALUES (?)", (value,))
    db.execute("COMMIT")


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM t").fetchone()[0])


async def test_a_whole_function_runs_away_from_the_loop(thread: SqliteThread) -> None:
    def name(db: sqlite3.Connection) -> int:
        return threading.get_ident()

    assert await thread.run(name) != threading.get_ident()
    await thread.run(insert, 7)
    assert await thread.run(count) == 1


async def test_a_failure_is_translated_and_rolled_back(thread: SqliteThread) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES (2)")
        db.execute("INSERT INTO t VALUES ('word')")

    await thread.run(insert, 1)
    with pytest.raises(StoreError, match=r"x\.db: .*word|x\.db: .*breaks its rules"):
        await thread.run(half)
    assert await thread.run(count) == 1
    await thread.run(insert, 3)


async def test_an_error_of_our_own_is_rolled_back_too(thread: SqliteThread) -> None:
    def wrong(db: sqlite3.Connection) -> None:
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES (2)")
        raise ValueError("ours")

    await thread.run(insert, 1)
    with pytest.raises(ValueError, match="ours"):
        await thread.run(wrong)
    assert await thread.run(count) == 1


async def test_a_cancelled_caller_does_not_stop_what_has_begun(thread: SqliteThread) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(30)
        insert(db, 1)

    task = asyncio.create_task(thread.run(slow))
    assert await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await thread.run(count) == 1


async def test_arguments_are_never_logged(thread: SqliteThread, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await thread.run(insert, 990001)
    assert "990001" not in caplog.text


async def test_after_close_it_says_so(thread: SqliteThread) -> None:
    await thread.close()
    await thread.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await thread.run(count)


async def test_it_cannot_be_opened_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await SqliteThread.open(str(tmp_path / "none" / "x.db"), 0.05)


def test_a_closed_store_lets_the_process_end(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from diameter_ocs.storage import open_store\n"
        "async def main():\n"
        "    for url in sys.argv[1:]:\n"
        "        store = open_store(url)\n"
        "        try:\n"
        "            await store.open()\n"
        "        except Exception as error:\n"
        "            print(type(error).__name__)\n"
        "        await store.close()\n"
        "asyncio.run(main())\n"
    )
    (tmp_path / "notes.txt").write_text("no database " * 50)
    urls = [f"sqlite:///{tmp_path}/good.db", f"sqlite:///{tmp_path}/notes.txt"]
    done = subprocess.run(
        [sys.executable, "-c", program, *urls], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "StoreCorrupt\n"
