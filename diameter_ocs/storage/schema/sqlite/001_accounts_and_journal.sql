-- Accounts, their sessions and the journal that proves every balance.
-- All *_ms are milliseconds since 1970 UTC. `state` is the whole record as JSON; the columns beside
-- it are what keys and indexes need. Amounts are integers: octets, seconds, events, or millionths of
-- the account's currency unit.

CREATE TABLE accounts (
    account_id TEXT    PRIMARY KEY NOT NULL,
    version    INTEGER NOT NULL,
    state      TEXT    NOT NULL
) STRICT;

CREATE TABLE subscribers (
    account_id    TEXT NOT NULL REFERENCES accounts (account_id),
    subscriber_id TEXT NOT NULL,
    state         TEXT NOT NULL,
    PRIMARY KEY (account_id, subscriber_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE identities (
    kind          TEXT NOT NULL,
    value         TEXT NOT NULL,
    account_id    TEXT NOT NULL,
    subscriber_id TEXT NOT NULL,
    PRIMARY KEY (kind, value),
    FOREIGN KEY (account_id, subscriber_id) REFERENCES subscribers (account_id, subscriber_id)
) STRICT, WITHOUT ROWID;

-- due_ms is what the sweeper's indexes are sorted by. It is never later than expires_ms, but may lag
-- behind it: an update of an open session that only moves expires_ms forward then touches no index.
-- The sweeper brings it up to date when its time has come.
CREATE TABLE sessions (
    session_id TEXT    PRIMARY KEY NOT NULL,
    account_id TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('open', 'closed')),
    due_ms     INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    state      TEXT    NOT NULL
) STRICT;

CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_open_by_due ON sessions (due_ms) WHERE status = 'open';
CREATE INDEX sessions_closed_by_due ON sessions (due_ms) WHERE status = 'closed';

-- postings: JSON array of [action, bucket_id, amount, rating_group, units, mark]; see the view.
CREATE TABLE entries (
    account_id     TEXT    NOT NULL,
    seq            INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    subscriber_id  TEXT    NOT NULL,
    session_id     TEXT    NOT NULL,
    request_number INTEGER,
    fingerprint    INTEGER NOT NULL,
    postings       TEXT    NOT NULL,
    outcome        TEXT,
    reason         TEXT    NOT NULL,
    PRIMARY KEY (account_id, seq)
) STRICT;

CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
BEGIN
    SELECT raise(ABORT, 'journal entries are never changed');
END;

CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
BEGIN
    SELECT raise(ABORT, 'journal entries are never deleted');
END;

-- One row that a health check writes, to prove that the database can be written.
CREATE TABLE heartbeat (
    beats INTEGER NOT NULL
) STRICT;

INSERT INTO heartbeat (beats) VALUES (0);

-- For people and reports ---------------------------------------------------------------------------

CREATE VIEW buckets AS
SELECT a.account_id,
       b.value ->> 'bucket_id'                                                        AS bucket_id,
       b.value ->> 'unit'                                                             AS unit,
       b.value ->> 'remaining'                                                        AS remaining,
       coalesce(b.value ->> 'reserved', 0)                                            AS reserved,
       (b.value ->> 'remaining') - coalesce(b.value ->> 'reserved', 0)                AS available,
       coalesce(b.value ->> 'priority', 100)                                          AS priority,
       coalesce(b.value ->> 'valid_from_ms', 0)                                       AS valid_from_ms,
       b.value ->> 'valid_until_ms'                                                   AS valid_until_ms,
       coalesce(b.value ->> 'name', '')                                               AS name
FROM accounts AS a, json_each(a.state, '$.buckets') AS b;

CREATE VIEW reservations AS
SELECT s.account_id,
       s.session_id,
       q.value ->> 'rating_group' AS rating_group,
       r.value ->> 0              AS bucket_id,
       r.value ->> 1              AS amount,
       r.value ->> 2              AS units
FROM sessions AS s, json_each(s.state, '$.quotas') AS q, json_each(q.value, '$.reservations') AS r
WHERE s.status = 'open';

CREATE VIEW postings AS
SELECT e.account_id,
       e.seq,
       e.at_ms,
       e.kind,
       e.session_id,
       p.value ->> 0               AS action,
       p.value ->> 1               AS bucket_id,
       p.value ->> 2               AS amount,
       p.value ->> 3               AS rating_group,
       coalesce(p.value ->> 4, 0)  AS units,
       coalesce(p.value ->> 5, '') AS mark
FROM entries AS e, json_each(e.postings) AS p;
