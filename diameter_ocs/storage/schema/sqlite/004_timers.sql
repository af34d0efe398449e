-- When time itself changes an account next (its due_ms): the end of a bucket, a renewal. 0: never.
-- Beside the accounts, because their rows are written with every request and due_ms hardly ever changes.

CREATE TABLE account_timers (
    account_id TEXT    PRIMARY KEY NOT NULL REFERENCES accounts (account_id),
    due_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX account_timers_by_due ON account_timers (due_ms) WHERE due_ms > 0;

UPDATE accounts
SET state = json_set(state, '$.due_ms', ends.due_ms)
FROM (
    SELECT a.account_id, min(b.value ->> 'valid_until_ms') AS due_ms
    FROM accounts AS a, json_each(a.state, '$.buckets') AS b
    WHERE b.value ->> 'valid_until_ms' IS NOT NULL AND coalesce(b.value ->> 'reserved', 0) = 0
    GROUP BY a.account_id
) AS ends
WHERE accounts.account_id = ends.account_id;

INSERT INTO account_timers (account_id, due_ms)
SELECT account_id, state ->> 'due_ms' FROM accounts WHERE state ->> 'due_ms' > 0;
