"""Everything that is read from SQLite. Each function runs on one connection's thread."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Raw
from msgspec.json import encode

from diameter_ocs.charging.decision import Kept
from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.session import Answer, Session
from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.protocol import Loaded, SessionRef, Snapshot, StoreTotals, VersionedAccount, Wanted
from diameter_ocs.storage.records import (
    answer_of,
    decode_account,
    decode_session,
    decode_subscriber,
    entry_of,
    named,
    request_of,
)

BETWEEN_RECORDS = "\x1e"
"""Cannot occur in JSON text, where control characters are escaped."""

ENTRY_COLUMNS = (
    "account_id, seq, at_ms, kind, subscriber_id, session_id, request_number, fingerprint, postings, outcome, reason,"
    " plan, conditions"
)

REQUEST_COLUMNS = (
    "account_id, request_id, session_id, kind, cause, created_ms, rating_group, service_identifier, state, tries,"
    " result_code, is_pending, pool"
)


RESERVED_UNITS = """
SELECT rating_group, sum(units) FROM (
    SELECT rating_group, units FROM reservations WHERE pool IS NULL
    UNION ALL
    SELECT q.value ->> 'rating_group', coalesce(q.value ->> 'granted', 0)
    FROM sessions AS s, json_each(s.state, '$.quotas') AS q
    WHERE s.status = 'open' AND q.value ->> 'pool' IS NOT NULL
) GROUP BY rating_group
"""


@contextmanager
def _one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """All that is read inside is of the same commit. After a failure the thread rolls back."""
    db.execute("BEGIN")
    yield
    db.execute("COMMIT")


def _records(db: sqlite3.Connection, expression: str, rest: str, wanted: Collection[Any]) -> list[str]:
    """One text per row. All rows come as one value: a row at a time would cost a hand-over of the
    interpreter lock each, which under load is dearer than the row."""
    if not wanted:
        return []
    ids = encode(list(wanted)).decode()
    (joined,) = db.execute(f"SELECT group_concat({expression}, char(30)) FROM {rest}", (ids,)).fetchone()  # noqa: S608
    return joined.split(BETWEEN_RECORDS) if joined else []


def load(db: sqlite3.Connection, wanted: Wanted) -> Loaded:
    """See Store.load."""
    with _one_moment(db):
        identities = dict(_named_subscribers(db, [(kind.value, value) for kind, value in wanted.identities]))
        sessions = _sessions_by_id(db, wanted.session_ids)
        if wanted.open_sessions_of:
            sessions.update(_open_sessions(db, wanted.open_sessions_of))
        ids = {*wanted.accounts, *wanted.open_sessions_of}
        ids.update(ref.account_id for ref in identities.values())
        ids.update(session.account_id for session in sessions.values())
        accounts = _accounts(db, ids)
        kept = _kept(db, wanted.kept_keys)
    return Loaded(identities, sessions, accounts, kept)


def _kept(db: sqlite3.Connection, keys: Collection[str]) -> dict[tuple[str, str], Kept]:
    if not keys:
        return {}
    sql = (
        "SELECT account_id, request_key, fingerprint, outcome, expires_ms FROM json_each(?) AS wanted"
        " CROSS JOIN outcomes ON request_key = wanted.value"
    )
    rows = db.execute(sql, (encode(list(keys)).decode(),)).fetchall()
    return {(row[0], row[1]): Kept(row[1], row[2], Raw(row[3]), row[4]) for row in rows}


def _named_subscribers(db: sqlite3.Connection, names: list[tuple[str, str]]) -> Iterator[Any]:
    sql = (
        "SELECT kind, i.value, account_id, subscriber_id FROM json_each(?) AS name"
        " CROSS JOIN identities AS i ON kind = name.value ->> 0 AND i.value = name.value ->> 1"
    )
    return map(named, db.execute(sql, (encode(names).decode(),)).fetchall()) if names else iter(())


def _sessions_by_id(db: sqlite3.Connection, session_ids: Collection[str]) -> dict[str, Session]:
    rest = "json_each(?) AS wanted CROSS JOIN sessions ON session_id = wanted.value"
    found = map(decode_session, _records(db, "state", rest, session_ids))
    return {session.session_id: session for session in found}


def _open_sessions(db: sqlite3.Connection, account_ids: Collection[str]) -> dict[str, Session]:
    rest = "json_each(?) AS wanted CROSS JOIN sessions ON account_id = wanted.value AND status = 'open'"
    found = map(decode_session, _records(db, "state", rest, account_ids))
    return {session.session_id: session for session in found}


def _accounts(db: sqlite3.Connection, account_ids: Collection[str]) -> dict[str, VersionedAccount]:
    rest = "json_each(?) AS wanted CROSS JOIN {} ON account_id = wanted.value"
    members: dict[str, list[Subscriber]] = {}
    for state in _records(db, "state", rest.format("subscribers"), account_ids):
        subscriber = decode_subscriber(state)
        members.setdefault(subscriber.account_id, []).append(subscriber)
    accounts = {}
    for record in _records(db, "version || ' ' || state", rest.format("accounts"), account_ids):
        version, _, state = record.partition(" ")
        account = decode_account(state)
        found = tuple(sorted(members.get(account.account_id, ()), key=lambda each: each.subscriber_id))
        accounts[account.account_id] = VersionedAccount(int(version), account, found)
    return accounts


def recall(
    db: sqlite3.Connection, ref: SessionRef, request_number: int, after_seq: int, fingerprint: int | None
) -> Answer | None:
    """See Store.recall. Newest first: most repeats are of a moment ago."""
    sql = (
        "SELECT kind, fingerprint, outcome FROM entries WHERE account_id = ? AND seq > ? AND session_id = ?"
        " AND request_number = ? AND fingerprint = coalesce(?, fingerprint) AND outcome IS NOT NULL"
        " ORDER BY seq DESC LIMIT 1"
    )
    row = db.execute(sql, (ref.account_id, after_seq, ref.session_id, request_number, fingerprint)).fetchone()
    return None if row is None else answer_of(row[0], request_number, row[1], row[2])


def due_sessions(db: sqlite3.Connection, at_ms: int, limit: int) -> list[SessionRef]:
    """See Store.due_sessions. due_ms is never after expires_ms, so its index finds all of them."""
    sql = (
        "SELECT account_id, session_id FROM sessions WHERE status = 'open' AND due_ms <= ?1 AND expires_ms <= ?1"
        " ORDER BY expires_ms, session_id LIMIT ?2"
    )
    return [SessionRef(account_id, session_id) for account_id, session_id in db.execute(sql, (at_ms, limit)).fetchall()]


def due_accounts(db: sqlite3.Connection, at_ms: int, limit: int) -> list[str]:
    sql = "SELECT account_id FROM account_timers WHERE due_ms > 0 AND due_ms <= ? ORDER BY due_ms, account_id LIMIT ?"
    return [account_id for (account_id,) in db.execute(sql, (at_ms, limit)).fetchall()]


def account_ids(db: sqlite3.Connection, after: str, limit: int) -> list[str]:
    sql = "SELECT account_id FROM accounts WHERE account_id > ? ORDER BY account_id LIMIT ?"
    return [account_id for (account_id,) in db.execute(sql, (after, limit)).fetchall()]


def entries(db: sqlite3.Connection, account_id: str, after_seq: int, limit: int) -> list[Entry]:
    sql = f"SELECT {ENTRY_COLUMNS} FROM entries WHERE account_id = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
    return list(map(entry_of, db.execute(sql, (account_id, after_seq, limit)).fetchall()))


def session_entries(db: sqlite3.Connection, session_id: str) -> list[Entry]:
    """See Store.session_entries. The session's row says where in which journal it began."""
    with _one_moment(db):
        session = _sessions_by_id(db, [session_id]).get(session_id)
        if session is None:
            return []
        columns = f"SELECT {ENTRY_COLUMNS} FROM entries"  # noqa: S608
        sql = f"{columns} WHERE account_id = ? AND seq >= ? AND session_id = ? ORDER BY seq"
        rows = db.execute(sql, (session.account_id, session.opened_seq, session_id)).fetchall()
    return list(map(entry_of, rows))


def sessions(db: sqlite3.Connection, account_id: str | None, open_only: bool, limit: int) -> list[Session]:
    """See Store.sessions."""
    filters = ["account_id = :account_id"] * (account_id is not None) + ["status = 'open'"] * open_only
    where = " AND ".join(filters) or "1"
    sql = f"SELECT state FROM sessions WHERE {where} ORDER BY last_ms DESC, session_id LIMIT :limit"  # noqa: S608
    rows = db.execute(sql, {"account_id": account_id, "limit": limit}).fetchall()
    return [decode_session(state) for (state,) in rows]


def sessions_of_host(
    db: sqlite3.Connection, origin_host: str, unheard_since_ms: int, after: str, limit: int
) -> list[SessionRef]:
    """See Store.sessions_of_host."""
    sql = (
        "SELECT account_id, session_id FROM sessions WHERE status = 'open' AND last_ms < ?"
        " AND lower(state ->> 'origin_host') = lower(?) AND session_id > ? ORDER BY session_id LIMIT ?"
    )
    rows = db.execute(sql, (unheard_since_ms, origin_host, after, limit)).fetchall()
    return [SessionRef(account_id, session_id) for account_id, session_id in rows]


def sessions_priced_otherwise(db: sqlite3.Connection, tariffs: str, after: str, limit: int) -> list[SessionRef]:
    """See Store.sessions_priced_otherwise; tariffs: as a JSON object."""
    sql = (
        "SELECT account_id, session_id FROM sessions WHERE status = 'open' AND session_id > ?"
        " AND state ->> 'tariff' IS NOT NULL AND state ->> 'tariff' IS NOT"
        " (SELECT value FROM json_each(?) WHERE key = state ->> 'offer') ORDER BY session_id LIMIT ?"
    )
    rows = db.execute(sql, (after, tariffs, limit)).fetchall()
    return [SessionRef(account_id, session_id) for account_id, session_id in rows]


def pending_requests(db: sqlite3.Connection, limit: int) -> list[GatewayRequest]:
    """See Store.pending_requests."""
    order = "ORDER BY created_ms, account_id, request_id LIMIT ?"
    sql = f"SELECT {REQUEST_COLUMNS} FROM gateway_requests WHERE is_pending = 1 {order}"  # noqa: S608
    return list(map(request_of, db.execute(sql, (limit,)).fetchall()))


def session_requests(db: sqlite3.Connection, session_id: str) -> list[GatewayRequest]:
    """See Store.session_requests."""
    order = "ORDER BY created_ms, account_id, request_id"
    sql = f"SELECT {REQUEST_COLUMNS} FROM gateway_requests WHERE session_id = ? {order}"  # noqa: S608
    return list(map(request_of, db.execute(sql, (session_id,)).fetchall()))


def snapshot(db: sqlite3.Connection, account_id: str) -> Snapshot | None:
    """See Store.snapshot."""
    states = "SELECT state FROM sessions WHERE account_id = ? AND status = 'open' ORDER BY session_id"
    journal = f"SELECT {ENTRY_COLUMNS} FROM entries WHERE account_id = ? ORDER BY seq"  # noqa: S608
    with _one_moment(db):
        account = _accounts(db, [account_id]).get(account_id)
        if account is None:
            return None
        open_sessions = db.execute(states, (account_id,)).fetchall()
        rows = db.execute(journal, (account_id,)).fetchall()
    return account, [decode_session(state) for (state,) in open_sessions], list(map(entry_of, rows))


def totals(db: sqlite3.Connection) -> StoreTotals:
    """See Store.totals. Entries are never deleted, so the newest row's number is their count."""
    with _one_moment(db):
        return StoreTotals(
            accounts=_number(db, "SELECT count(*) FROM accounts"),
            subscribers=_number(db, "SELECT count(*) FROM subscribers"),
            open_sessions=_number(db, "SELECT count(*) FROM sessions WHERE status = 'open'"),
            entries=_number(db, "SELECT coalesce(max(rowid), 0) FROM entries"),
        )


def _number(db: sqlite3.Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])


def reserved_units(db: sqlite3.Connection) -> dict[int | None, int]:
    """See Store.reserved_units."""
    return dict(db.execute(RESERVED_UNITS).fetchall())


def born_ms(db: sqlite3.Connection) -> int:
    """When the first schema was applied."""
    (seconds,) = db.execute("SELECT unixepoch(min(applied_at)) FROM schema_migrations").fetchone()
    return int(seconds) * 1000
