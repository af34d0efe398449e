-- Keys of the programs that use the API. digest: of the secret, which only its owner has.
-- scopes: JSON array; empty for all that the role may. used_ms lags behind some minutes.

CREATE TABLE api_keys (
    key_id     TEXT    PRIMARY KEY NOT NULL,
    client     TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    scopes     TEXT    NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    used_ms    INTEGER
) STRICT, WITHOUT ROWID;
