-- What gateways have to be asked (re-authorise, abort), written with the change that caused it.
-- is_pending: 1 while something is left to do. state: the progress in words, for people.

CREATE TABLE gateway_requests (
    account_id         TEXT    NOT NULL,
    request_id         TEXT    NOT NULL,
    session_id         TEXT    NOT NULL,
    kind               TEXT    NOT NULL CHECK (kind IN ('reauthorize', 'abort')),
    cause              TEXT    NOT NULL,
    created_ms         INTEGER NOT NULL,
    rating_group       INTEGER,
    service_identifier INTEGER,
    state              TEXT    NOT NULL,
    tries              INTEGER NOT NULL,
    result_code        INTEGER NOT NULL,
    is_pending         INTEGER NOT NULL,
    PRIMARY KEY (account_id, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_requests_by_session ON gateway_requests (session_id);
CREATE INDEX gateway_requests_pending ON gateway_requests (created_ms) WHERE is_pending = 1;
