-- A job of an equal specification is left as it stands, and then there is no row of it. Ages follow the order of the lists.
INSERT INTO fsops_jobs AS stored (node, torrent_id, state, priority, source_root, spec, spec_digest, request_id)
SELECT $1, wished.torrent_id, 'queued', wished.priority, wished.source_root, wished.spec, wished.spec_digest,
    wished.request_id
FROM unnest($2::uuid[], $3::integer[], $4::bytea[], $5::bytea[], $6::text[], $7::text[]) WITH ORDINALITY
    AS wished (torrent_id, priority, source_root, spec, spec_digest, request_id, place)
ORDER BY wished.place
ON CONFLICT (torrent_id) DO UPDATE
SET state = 'queued', priority = excluded.priority, age = excluded.age, attempt = 0, failures = 0, interruptions = 0,
    next_try_at = NULL, source_root = excluded.source_root, spec = excluded.spec, spec_digest = excluded.spec_digest,
    outcome = NULL, request_id = excluded.request_id, revision = stored.revision + 1, updated_at = now()
WHERE stored.spec_digest <> excluded.spec_digest OR stored.state = 'forgotten'
RETURNING torrent_id::text AS torrent_id, state, priority, age, attempt, failures, interruptions, revision, outcome,
    extract(epoch FROM next_try_at)::float8 AS next_try_at, extract(epoch FROM updated_at)::float8 AS updated_at,
    source_root, library_root, spec_digest, request_id
