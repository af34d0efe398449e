"""Keys of the API in SQLite. Each function runs on one connection's thread."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec.json import decode, encode

from diameter_ocs.values.api_key import ApiKey

COLUMNS = "key_id, client, role, digest, created_ms, scopes, expires_ms, revoked_ms, used_ms"
WRITE = (
    f"INSERT INTO api_keys ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (key_id) DO UPDATE SET expires_ms = excluded.expires_ms, revoked_ms = excluded.revoked_ms"
)


def write_keys(db: sqlite3.Connection, keys: Sequence[ApiKey]) -> None:
    """See Store.write_api_keys."""
    db.execute("BEGIN IMMEDIATE")
    for key in keys:
        scopes = encode(key.scopes).decode()
        row = (key.key_id, key.client, key.role, key.digest, key.created_ms, scopes)
        db.execute(WRITE, (*row, key.expires_ms, key.revoked_ms, key.used_ms))
    db.execute("COMMIT")


def all_keys(db: sqlite3.Connection) -> list[ApiKey]:
    """See Store.api_keys."""
    sql = f"SELECT {COLUMNS} FROM api_keys ORDER BY client, created_ms, key_id"  # noqa: S608
    return list(map(_key, db.execute(sql).fetchall()))


def one_key(db: sqlite3.Connection, key_id: str) -> ApiKey | None:
    """See Store.api_key."""
    row = db.execute(f"SELECT {COLUMNS} FROM api_keys WHERE key_id = ?", (key_id,)).fetchone()  # noqa: S608
    return None if row is None else _key(row)


def note_use(db: sqlite3.Connection, key_id: str, at_ms: int) -> None:
    """See Store.note_key_use."""
    db.execute("UPDATE api_keys SET used_ms = max(coalesce(used_ms, 0), ?) WHERE key_id = ?", (at_ms, key_id))


def _key(row: tuple[Any, ...]) -> ApiKey:
    key_id, client, role, digest, created_ms, scopes, *times = row
    return ApiKey(key_id, client, role, digest, created_ms, decode(scopes, type=tuple[str, ...]), *times)
