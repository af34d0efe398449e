-- One-time events have no session. What must be remembered of them is here until expires_ms:
-- 'event NUMBER SESSION-ID': the outcome that a repeat gets again; fingerprint tells it from another request.
-- 'debit REFERENCE': what a debit took from which bucket, so that it can be refunded once.

CREATE TABLE outcomes (
    request_key TEXT    NOT NULL,
    account_id  TEXT    NOT NULL,
    fingerprint INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    expires_ms  INTEGER NOT NULL,
    PRIMARY KEY (request_key, account_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX outcomes_by_expiry ON outcomes (expires_ms);
