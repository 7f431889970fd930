-- A job of an equal specification is left as it stands, and then there is no answer.
INSERT INTO fsops_jobs AS stored (node, torrent_id, state, priority, source_root, spec, spec_digest, request_id)
VALUES ($1, $2::uuid, 'queued', $3, $4, $5, $6, $7)
ON CONFLICT (torrent_id) DO UPDATE
SET state = 'queued', priority = excluded.priority, age = excluded.age, attempt = 0, failures = 0, interruptions = 0,
    next_try_at = NULL, source_root = excluded.source_root, spec = excluded.spec, spec_digest = excluded.spec_digest,
    outcome = NULL, request_id = excluded.request_id, revision = stored.revision + 1, updated_at = now()
WHERE stored.spec_digest <> excluded.spec_digest OR stored.state = 'forgotten'
RETURNING torrent_id::text AS torrent_id, state, priority, age, attempt, failures, interruptions, revision, outcome,
    extract(epoch FROM next_try_at)::float8 AS next_try_at, extract(epoch FROM updated_at)::float8 AS updated_at,
    source_root, library_root, spec_digest, request_id
