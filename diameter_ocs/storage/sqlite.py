"""The default store: one SQLite file with a write-ahead log, for one server process (3.40 or newer).

Three kinds of connections, each with its own thread: one writer; one loader, so that a batch never
waits behind a report; readers for reports and audits. A command line tool may open the same file
meanwhile: locks come out as StoreUnavailable, its changes as stale accounts.
"""

import itertools
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.session import Answer, Session
from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.rating.versions import Activation, CatalogueSource, VersionFacts
from diameter_ocs.storage import sqlite_catalogues as catalogues
from diameter_ocs.storage import sqlite_keys as keys_of
from diameter_ocs.storage import sqlite_read as read
from diameter_ocs.storage import sqlite_write as write
from diameter_ocs.storage.catalogues import CatalogueUse
from diameter_ocs.storage.migrations import Migration, migrate, packaged_migrations, refuse_foreign_database
from diameter_ocs.storage.protocol import AccountWrite, Loaded, SessionRef, Snapshot, StoreTotals, Wanted
from diameter_ocs.storage.sqlite_errors import PRIMARY_CODE
from diameter_ocs.storage.sqlite_thread import SqliteThread
from diameter_ocs.values.api_key import ApiKey

PAGE_BYTES = 2048
"""A commit writes whole pages: rows are about 600 bytes, so small pages write less around them."""
CACHE_KIB = 8 * 1024
"""Per connection. A larger one is slower: the kernel caches the file as well, and small stays in the processor's."""
LOG_BYTES_KEPT = 64 * 1024 * 1024
"""The write-ahead log's file is written over from its start, not cut: growing a file costs more."""
PAGES_UNTIL_OWN_CHECKPOINT = 128 * 1024 * 1024 // PAGE_BYTES
"""Only when nobody calls checkpoint(): the log must not fill the disk."""
DUE_UPDATES_AT_ONCE = 1000
SWITCHES_TRIED = 20

WRITER_PRAGMAS = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = FAST",
    f"PRAGMA cache_size = -{CACHE_KIB}",
    f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT}",
    f"PRAGMA wal_autocheckpoint = {PAGES_UNTIL_OWN_CHECKPOINT}",
)
READER_PRAGMAS = ("PRAGMA query_only = ON", "PRAGMA temp_store = MEMORY", f"PRAGMA cache_size = -{CACHE_KIB}")


class SqliteStore:
    """See Store. `migrations`: the schema of this release unless said otherwise."""

    name = "sqlite"

    def __init__(
        self,
        path: str | Path,
        *,
        busy_timeout_seconds: float = 2.0,
        reader_connections: int = 1,
        migrations: Sequence[Migration] | None = None,
    ) -> None:
        assert reader_connections >= 1
        self.path = str(path)
        self._busy_timeout_seconds = busy_timeout_seconds
        self._reader_connections = reader_connections
        self._migrations = migrations
        self._threads: list[SqliteThread] = []
        self._turn = itertools.count()

    async def open(self) -> None:
        assert not self._threads, "open already"
        _make_folder(Path(self.path))
        steps = packaged_migrations() if self._migrations is None else self._migrations
        try:
            await (await self._connect()).run(_prepare_writer, steps, self.path)
            for _ in range(1 + self._reader_connections):
                await (await self._connect()).run(_set, READER_PRAGMAS)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        while self._threads:
            await self._threads.pop().close()

    async def load(self, wanted: Wanted) -> Loaded:
        return await self._loader.run(read.load, wanted)

    async def look(self, wanted: Wanted) -> Loaded:
        return await self._reader.run(read.load, wanted)

    async def commit(self, writes: Sequence[AccountWrite]) -> frozenset[str]:
        return await self._writer.run(write.commit, writes)

    async def recall(
        self, ref: SessionRef, request_number: int, after_seq: int, fingerprint: int | None = None
    ) -> Answer | None:
        return await self._loader.run(read.recall, ref, request_number, after_seq, fingerprint)

    async def due_sessions(self, at_ms: int, limit: int) -> Sequence[SessionRef]:
        await self._writer.run(write.bring_due_up_to_date, at_ms, DUE_UPDATES_AT_ONCE)
        return await self._reader.run(read.due_sessions, at_ms, limit)

    async def due_accounts(self, at_ms: int, limit: int) -> Sequence[str]:
        return await self._reader.run(read.due_accounts, at_ms, limit)

    async def forget_sessions(self, at_ms: int, limit: int) -> int:
        return await self._writer.run(write.forget_sessions, at_ms, limit)

    async def forget_kept(self, at_ms: int, limit: int) -> int:
        return await self._writer.run(write.forget_kept, at_ms, limit)

    async def account_ids(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        return await self._reader.run(read.account_ids, after, limit)

    async def entries(self, account_id: str, after_seq: int = 0, limit: int = 1000) -> Sequence[Entry]:
        return await self._reader.run(read.entries, account_id, after_seq, limit)

    async def session_entries(self, session_id: str) -> Sequence[Entry]:
        return await self._reader.run(read.session_entries, session_id)

    async def sessions(
        self, *, account_id: str | None = None, open_only: bool = True, limit: int = 1000
    ) -> Sequence[Session]:
        return await self._reader.run(read.sessions, account_id, open_only, limit)

    async def sessions_priced_otherwise(
        self, tariffs: Mapping[str, int], after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]:
        return await self._reader.run(read.sessions_priced_otherwise, json.dumps(dict(tariffs)), after, limit)

    async def sessions_of_host(
        self, origin_host: str, unheard_since_ms: int, after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]:
        return await self._reader.run(read.sessions_of_host, origin_host, unheard_since_ms, after, limit)

    async def pending_requests(self, limit: int) -> Sequence[GatewayRequest]:
        return await self._reader.run(read.pending_requests, limit)

    async def note_requests(self, requests: Sequence[GatewayRequest]) -> None:
        await self._writer.run(write.note_requests, requests)

    async def session_requests(self, session_id: str) -> Sequence[GatewayRequest]:
        return await self._reader.run(read.session_requests, session_id)

    async def write_api_keys(self, keys: Sequence[ApiKey]) -> None:
        await self._writer.run(keys_of.write_keys, keys)

    async def api_keys(self) -> Sequence[ApiKey]:
        return await self._reader.run(keys_of.all_keys)

    async def api_key(self, key_id: str) -> ApiKey | None:
        return await self._reader.run(keys_of.one_key, key_id)

    async def note_key_use(self, key_id: str, at_ms: int) -> None:
        await self._writer.run(keys_of.note_use, key_id, at_ms)

    async def snapshot(self, account_id: str) -> Snapshot | None:
        return await self._reader.run(read.snapshot, account_id)

    async def totals(self) -> StoreTotals:
        return await self._reader.run(read.totals)

    async def reserved_units(self) -> Mapping[int | None, int]:
        return await self._reader.run(read.reserved_units)

    async def keep_catalogue(self, source: CatalogueSource, loaded_ms: int, who: str, reason: str) -> VersionFacts:
        return await self._writer.run(catalogues.keep, source, loaded_ms, who, reason)

    async def catalogue_source(self, version: str) -> CatalogueSource | None:
        return await self._reader.run(catalogues.source, version)

    async def catalogue_versions(self) -> Sequence[VersionFacts]:
        return await self._reader.run(catalogues.versions)

    async def activate_catalogue(
        self, version: str, from_ms: int, said_ms: int, who: str, reason: str
    ) -> Activation | None:
        return await self._writer.run(catalogues.activate, version, from_ms, said_ms, who, reason)

    async def cancel_activation(self, number: int, said_ms: int, who: str) -> bool:
        return await self._writer.run(catalogues.cancel, number, said_ms, who)

    async def activations(self) -> Sequence[Activation]:
        return await self._reader.run(catalogues.activations)

    async def catalogue_use(self) -> CatalogueUse:
        return await self._reader.run(catalogues.use)

    def size_bytes(self) -> int:
        return sum(_file_bytes(self.path + suffix) for suffix in ("", "-wal"))

    async def checkpoint(self) -> None:
        """Copy the log into the database file: most of it beside the writer, what came meanwhile on its thread.

        After that no page of the log is needed, and the next commit writes it from its start again.
        """
        await self._reader.run(_checkpoint)
        await self._writer.run(_checkpoint)

    async def born_ms(self) -> int | None:
        return await self._reader.run(read.born_ms)

    async def ping(self) -> None:
        await self._writer.run(write.beat)

    @property
    def _writer(self) -> SqliteThread:
        return self._thread(0)

    @property
    def _loader(self) -> SqliteThread:
        return self._thread(1)

    @property
    def _reader(self) -> SqliteThread:
        return self._thread(2 + next(self._turn) % self._reader_connections)

    def _thread(self, index: int) -> SqliteThread:
        if index >= len(self._threads):
            raise StoreUnavailable(f"{self.path}: the store is closed")
        return self._threads[index]

    async def _connect(self) -> SqliteThread:
        thread = await SqliteThread.open(self.path, self._busy_timeout_seconds)
        self._threads.append(thread)
        return thread


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"{path}: the folder {path.parent} cannot be made ({error.strerror})") from error


def _file_bytes(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _prepare_writer(db: sqlite3.Connection, steps: Sequence[Migration], path: str) -> None:
    refuse_foreign_database(db, path)
    _set(db, WRITER_PRAGMAS)
    mode = _write_ahead(db)
    if mode != "wal":
        raise StoreUnavailable(f"{path}: a write-ahead log is not possible here (network folder?), only {mode!r}")
    migrate(db, steps, path)


def _write_ahead(db: sqlite3.Connection) -> str:
    """Switch to a write-ahead log; the mode that the database then has.

    The switch itself does not wait for another process that makes the same database at this moment;
    an exclusive transaction does.
    """
    for _ in range(SWITCHES_TRIED):
        try:
            return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                raise
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
    return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])


def _set(db: sqlite3.Connection, pragmas: Sequence[str]) -> None:
    for pragma in pragmas:
        db.execute(pragma).fetchall()


def _checkpoint(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
