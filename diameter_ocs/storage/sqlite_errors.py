"""What SQLite's error codes mean to an operator (https://www.sqlite.org/rescode.html)."""

import sqlite3

from diameter_ocs.errors import StoreCorrupt, StoreError, StoreUnavailable

PRIMARY_CODE = 0xFF
"""Extended result codes carry the primary one in their lowest byte."""

CAUSES: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreUnavailable, "the database is locked by another process"),
    sqlite3.SQLITE_LOCKED: (StoreUnavailable, "the database is locked by another connection"),
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk is full"),
    sqlite3.SQLITE_READONLY: (StoreUnavailable, "the database is read-only for this user"),
    sqlite3.SQLITE_PERM: (StoreUnavailable, "access to the database is not permitted for this user"),
    sqlite3.SQLITE_AUTH: (StoreUnavailable, "access to the database is not permitted for this user"),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "the database cannot be opened (folder missing or not writable?)"),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk fails or is full"),
    sqlite3.SQLITE_NOMEM: (StoreUnavailable, "out of memory"),
    sqlite3.SQLITE_INTERRUPT: (StoreUnavailable, "the call was interrupted"),
    sqlite3.SQLITE_CORRUPT: (StoreCorrupt, "the database file is damaged; restore a backup, see 'sqlite3 .recover'"),
    sqlite3.SQLITE_NOTADB: (StoreCorrupt, "the file is not a database"),
    sqlite3.SQLITE_CONSTRAINT: (StoreError, "the database refuses a record that breaks its rules"),
}


def store_error(error: sqlite3.Error, path: str) -> StoreError:
    """The same failure in words of the store, naming the file."""
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    kind, cause = CAUSES.get(code, (StoreError, "the database failed"))
    return kind(f"{path}: {cause} ({error})")
