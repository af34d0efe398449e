"""One batch of account writes in one SQLite transaction. Runs on the writer's thread.

Many rows go into one statement: each call into SQLite gives the interpreter lock away, and under load
waits to get it back, which is dearer than the row (docs/decisions/0003-sqlite-group-commit.md).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct, field
from msgspec.json import encode

from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.session import Session, SessionStatus
from diameter_ocs.errors import StoreError
from diameter_ocs.storage.protocol import AccountWrite
from diameter_ocs.storage.records import encode_state, entry_row, request_row

Row = tuple[Any, ...]

CHUNK_SIZES = (64, 32, 16, 8, 4, 2, 1)
"""Rows per statement. Any number of rows is a few of these, so few statements have to be prepared."""


class Statement:
    """SQL with a list of rows at {rows}, in one text per chunk size."""

    def __init__(self, sql: str, row: str) -> None:
        self._text = {size: sql.format(rows=", ".join([row] * size)) for size in CHUNK_SIZES}

    def run(self, db: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """How many rows were written."""
        chunks = (db.execute(self._text[len(chunk)], tuple(chain.from_iterable(chunk))) for chunk in _chunks(rows))
        return sum(cursor.rowcount for cursor in chunks)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start = 0
    for size in CHUNK_SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


CREATE_ACCOUNT = Statement(
    "INSERT INTO accounts (account_id, version, state) VALUES {rows} ON CONFLICT DO NOTHING", "(?, 1, ?)"
)
UPDATE_ACCOUNT = Statement(
    "UPDATE accounts SET version = version + 1, state = new.column3 FROM (VALUES {rows}) AS new"
    " WHERE accounts.account_id = new.column1 AND accounts.version = new.column2",
    "(?, ?, ?)",
)
WRITE_SUBSCRIBER = Statement(
    "INSERT INTO subscribers (account_id, subscriber_id, state) VALUES {rows}"
    " ON CONFLICT (account_id, subscriber_id) DO UPDATE SET state = excluded.state",
    "(?, ?, ?)",
)
CREATE_IDENTITY = Statement(
    "INSERT INTO identities (kind, value, account_id, subscriber_id) VALUES {rows} ON CONFLICT DO NOTHING",
    "(?, ?, ?, ?)",
)
RELEASE_IDENTITY = Statement(
    "DELETE FROM identities WHERE (kind, value, account_id) IN (VALUES {rows})",
    "(?, ?, ?)",
)
CREATE_ENTRY = Statement(
    "INSERT INTO entries (account_id, seq, at_ms, kind, subscriber_id, session_id, request_number, fingerprint,"
    " postings, outcome, reason, plan, conditions) VALUES {rows}",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
WRITE_TIMER = Statement(
    "INSERT INTO account_timers (account_id, due_ms) VALUES {rows}"
    " ON CONFLICT (account_id) DO UPDATE SET due_ms = excluded.due_ms",
    "(?, ?)",
)
"""due_ms 0 stays in the table: the account is likely to get another one."""
WRITE_KEPT = Statement(
    "INSERT INTO outcomes (request_key, account_id, fingerprint, outcome, expires_ms) VALUES {rows}"
    " ON CONFLICT (request_key, account_id) DO UPDATE SET"
    " fingerprint = excluded.fingerprint, outcome = excluded.outcome, expires_ms = excluded.expires_ms",
    "(?, ?, ?, ?, ?)",
)
CREATE_REQUEST = Statement(
    "INSERT INTO gateway_requests (account_id, request_id, session_id, kind, cause, created_ms, rating_group,"
    " service_identifier, state, tries, result_code, is_pending, pool) VALUES {rows}",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
NOTE_REQUEST = Statement(
    "UPDATE gateway_requests SET state = new.column3, tries = new.column4, result_code = new.column5,"
    " is_pending = new.column6 FROM (VALUES {rows}) AS new"
    " WHERE gateway_requests.account_id = new.column1 AND gateway_requests.request_id = new.column2",
    "(?, ?, ?, ?, ?, ?)",
)
_INSERT_SESSION = (
    "INSERT INTO sessions (session_id, account_id, status, due_ms, expires_ms, last_ms, state) VALUES {rows}"
    " ON CONFLICT (session_id) DO UPDATE SET "
)
_SESSION_ROW = "(?, ?, ?, ?, ?, ?, ?)"
ADVANCE_SESSION = Statement(
    _INSERT_SESSION + "expires_ms = excluded.expires_ms, last_ms = excluded.last_ms, state = excluded.state"
    " WHERE sessions.account_id = excluded.account_id AND sessions.status = 'open'"
    " AND sessions.due_ms <= excluded.expires_ms",
    _SESSION_ROW,
)
"""For the many: an open session that stays open. Touches no index, see the schema on due_ms."""
WRITE_SESSION = Statement(
    _INSERT_SESSION + "status = excluded.status, due_ms = excluded.due_ms, expires_ms = excluded.expires_ms,"
    " last_ms = excluded.last_ms, state = excluded.state WHERE sessions.account_id = excluded.account_id",
    _SESSION_ROW,
)
"""For the others: closed, opened again, or due earlier than before."""


class Rows(Struct):
    """The writes of a batch, encoded and sorted by table."""

    created: list[Row] = field(default_factory=list)
    updated: list[Row] = field(default_factory=list)
    checked: list[Row] = field(default_factory=list)
    subscribers: list[Row] = field(default_factory=list)
    released: list[Row] = field(default_factory=list)
    identities: list[Row] = field(default_factory=list)
    open_sessions: list[Row] = field(default_factory=list)
    closed_sessions: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    kept: list[Row] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    timers: list[Row] = field(default_factory=list)


def rows_of(writes: Iterable[AccountWrite]) -> Rows:
    rows = Rows()
    for write in writes:
        _add_account(rows, write)
        for subscriber in write.subscribers:
            rows.subscribers.append((write.account_id, subscriber.subscriber_id, encode_state(subscriber)))
        for kind, value in write.released:
            rows.released.append((kind.value, value, write.account_id))
        for (kind, value), (account_id, subscriber_id) in write.new_identities:
            rows.identities.append((kind.value, value, account_id, subscriber_id))
        for session in write.sessions:
            is_open = session.status is SessionStatus.OPEN
            (rows.open_sessions if is_open else rows.closed_sessions).append(_session_row(session))
        for entry in write.entries:
            rows.entries.append(entry_row(entry))
        for kept in write.kept:
            content = str(kept.content, "utf-8")
            rows.kept.append((kept.key, write.account_id, kept.fingerprint, content, kept.expires_ms))
        for request in write.outbox:
            rows.requests.append(request_row(request))
    return rows


def _add_account(rows: Rows, write: AccountWrite) -> None:
    if write.account is None:
        rows.checked.append((write.account_id, write.expected_version))
    elif write.expected_version == 0:
        rows.created.append((write.account_id, encode_state(write.account)))
    else:
        rows.updated.append((write.account_id, write.expected_version, encode_state(write.account)))
    if write.is_rescheduled and write.account is not None:
        rows.timers.append((write.account_id, write.account.due_ms))


def _session_row(session: Session) -> Row:
    return (
        session.session_id,
        session.account_id,
        session.status.value,
        session.expires_ms,
        session.expires_ms,
        session.last_ms,
        encode_state(session),
    )


def commit(db: sqlite3.Connection, writes: Sequence[AccountWrite]) -> frozenset[str]:
    """All writes, or all but those of stale accounts, whose ids are returned. Raises sqlite3.Error, StoreError."""
    assert len({write.account_id for write in writes}) == len(writes), "one write per account and batch"
    rows = rows_of(writes)
    db.execute("BEGIN IMMEDIATE")
    stale: frozenset[str] = frozenset()
    if not _write(db, rows):
        db.execute("ROLLBACK")
        db.execute("BEGIN IMMEDIATE")
        stale = _stale(db, writes)
        if not _write(db, rows_of(write for write in writes if write.account_id not in stale)):
            raise StoreError("a batch does not fit the database although none of its accounts is stale")
    db.execute("COMMIT")
    return stale


def _write(db: sqlite3.Connection, rows: Rows) -> bool:
    """False when some row met another state than it was decided on; the transaction is then good for nothing."""
    return (
        UPDATE_ACCOUNT.run(db, rows.updated) == len(rows.updated)
        and CREATE_ACCOUNT.run(db, rows.created) == len(rows.created)
        and (not rows.checked or _versions(db, [account_id for account_id, _ in rows.checked]) == _known(rows.checked))
        and WRITE_SUBSCRIBER.run(db, rows.subscribers) == len(rows.subscribers)
        and (not rows.released or RELEASE_IDENTITY.run(db, rows.released) >= 0)
        and CREATE_IDENTITY.run(db, rows.identities) == len(rows.identities)
        and _write_open_sessions(db, rows.open_sessions)
        and WRITE_SESSION.run(db, rows.closed_sessions) == len(rows.closed_sessions)
        and CREATE_ENTRY.run(db, rows.entries) == len(rows.entries)
        and WRITE_KEPT.run(db, rows.kept) == len(rows.kept)
        and (not rows.timers or WRITE_TIMER.run(db, rows.timers) == len(rows.timers))
        and (not rows.requests or CREATE_REQUEST.run(db, rows.requests) == len(rows.requests))
    )


def _write_open_sessions(db: sqlite3.Connection, rows: list[Row]) -> bool:
    if ADVANCE_SESSION.run(db, rows) == len(rows):
        return True
    return WRITE_SESSION.run(db, rows) == len(rows)


def _known(checked: list[Row]) -> dict[str, int]:
    """Versions that exist: one that was decided on nothing (0) must still be absent."""
    return {account_id: version for account_id, version in checked if version}


def _stale(db: sqlite3.Connection, writes: Sequence[AccountWrite]) -> frozenset[str]:
    """Accounts decided on a state that is gone. The writer's lock is held, so what is read here stays true."""
    versions = _versions(db, [write.account_id for write in writes])
    taken = _taken_identities(db, writes)
    owners = _session_owners(db, writes)
    stale = set()
    for write in writes:
        names = {(name.kind.value, name.value) for name, _ in write.new_identities}
        names -= {(name.kind.value, name.value) for name in write.released}
        is_current = versions.get(write.account_id, 0) == write.expected_version
        owns = all(owners.get(each.session_id, write.account_id) == write.account_id for each in write.sessions)
        if not is_current or not owns or names & taken:
            stale.add(write.account_id)
            continue
        taken |= names
        owners.update((each.session_id, write.account_id) for each in write.sessions)
    return frozenset(stale)


def _versions(db: sqlite3.Connection, account_ids: list[str]) -> dict[str, int]:
    sql = "SELECT account_id, version FROM accounts WHERE account_id IN (SELECT value FROM json_each(?))"
    return dict(db.execute(sql, (_json(account_ids),)).fetchall())


def _taken_identities(db: sqlite3.Connection, writes: Sequence[AccountWrite]) -> set[tuple[str, str]]:
    names = [(kind.value, value) for write in writes for (kind, value), _ in write.new_identities]
    sql = (
        "SELECT kind, identities.value FROM json_each(?) AS name JOIN identities"
        " ON kind = name.value ->> 0 AND identities.value = name.value ->> 1"
    )
    return set(db.execute(sql, (_json(names),)).fetchall())


def _session_owners(db: sqlite3.Connection, writes: Sequence[AccountWrite]) -> dict[str, str]:
    names = [session.session_id for write in writes for session in write.sessions]
    sql = "SELECT session_id, account_id FROM sessions WHERE session_id IN (SELECT value FROM json_each(?))"
    return dict(db.execute(sql, (_json(names),)).fetchall())


def _json(values: list[Any]) -> str:
    return encode(values).decode()


def forget_sessions(db: sqlite3.Connection, at_ms: int, limit: int) -> int:
    """Delete closed sessions whose time is over, with the requests made for them; how many sessions."""
    db.execute("BEGIN IMMEDIATE")
    sql = (
        "DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions"
        " WHERE status = 'closed' AND due_ms <= ? ORDER BY due_ms LIMIT ?) RETURNING session_id"
    )
    gone = [session_id for (session_id,) in db.execute(sql, (at_ms, limit)).fetchall()]
    if gone:
        sql = "DELETE FROM gateway_requests WHERE session_id IN (SELECT value FROM json_each(?))"
        db.execute(sql, (_json(gone),))
    db.execute("COMMIT")
    return len(gone)


def note_requests(db: sqlite3.Connection, requests: Sequence[GatewayRequest]) -> None:
    """See Store.note_requests."""
    rows = [request_row(request) for request in requests]
    db.execute("BEGIN IMMEDIATE")
    NOTE_REQUEST.run(db, [(row[0], row[1], *row[8:12]) for row in rows])
    db.execute("COMMIT")


def forget_kept(db: sqlite3.Connection, at_ms: int, limit: int) -> int:
    """Delete outcomes and debits of one-time events whose time is over."""
    sql = (
        "DELETE FROM outcomes WHERE (request_key, account_id) IN"
        " (SELECT request_key, account_id FROM outcomes WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?)"
    )
    return db.execute(sql, (at_ms, limit)).rowcount


def bring_due_up_to_date(db: sqlite3.Connection, at_ms: int, limit: int) -> None:
    """Move lagging due times of open sessions to where they belong, so that the sweeper need not see them again."""
    sql = (
        "UPDATE sessions SET due_ms = expires_ms WHERE session_id IN (SELECT session_id FROM sessions"
        " WHERE status = 'open' AND due_ms <= ?1 AND expires_ms > ?1 ORDER BY due_ms LIMIT ?2)"
    )
    db.execute(sql, (at_ms, limit))


def beat(db: sqlite3.Connection) -> None:
    """Prove by a durable write that the database can be written."""
    db.execute("UPDATE heartbeat SET beats = beats + 1")
