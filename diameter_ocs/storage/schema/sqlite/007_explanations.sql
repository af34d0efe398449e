-- What an explanation of an entry needs and nothing else tells; not in entries that are older.
-- plan: JSON array of [version of the catalogue, offer, service]. conditions: of use from that entry on, as a JSON
-- object. Postings may have more: [..., mark, unit, left, basis, before], see the view.

ALTER TABLE entries ADD COLUMN plan TEXT NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN conditions TEXT;

DROP VIEW postings;

-- remaining_after: what was left in the bucket. rule: by which it was rated. unit: what its units are.
CREATE VIEW postings AS
SELECT e.account_id,
       e.seq,
       e.at_ms,
       e.kind,
       e.session_id,
       p.value ->> 0                AS action,
       p.value ->> 1                AS bucket_id,
       p.value ->> 2                AS amount,
       p.value ->> 3                AS rating_group,
       coalesce(p.value ->> 4, 0)   AS units,
       coalesce(p.value ->> 5, '')  AS mark,
       nullif(e.plan, '') ->> 0     AS version,
       nullif(e.plan, '') ->> 1     AS offer,
       nullif(e.plan, '') ->> 2     AS service,
       p.value ->> 7                AS remaining_after,
       p.value ->> '$[8].rule'       AS rule,
       p.value ->> '$[8].unit'       AS unit,
       p.value ->> '$[8].rate'       AS rate,
       coalesce(p.value ->> 9, 0)   AS paid_before
FROM entries AS e, json_each(e.postings) AS p;
