-- Requests to gateways may name a credit pool. What pools have reserved is shown beside what quotas have:
-- such rows have a pool and no rating group, and their units are points of the pool.

ALTER TABLE gateway_requests ADD COLUMN pool INTEGER;

DROP VIEW reservations;

CREATE VIEW reservations AS
SELECT s.account_id,
       s.session_id,
       q.value ->> 'rating_group' AS rating_group,
       r.value ->> 0              AS bucket_id,
       r.value ->> 1              AS amount,
       r.value ->> 2              AS units,
       NULL                       AS pool
FROM sessions AS s, json_each(s.state, '$.quotas') AS q, json_each(q.value, '$.reservations') AS r
WHERE s.status = 'open'
UNION ALL
SELECT s.account_id,
       s.session_id,
       NULL,
       r.value ->> 0,
       r.value ->> 1,
       r.value ->> 2,
       p.value ->> 'pool_id'
FROM sessions AS s, json_each(s.state, '$.pools') AS p, json_each(p.value, '$.reservations') AS r
WHERE s.status = 'open';
