UPDATE fsops_jobs
SET state = 'cancelled', next_try_at = NULL, request_id = COALESCE($3, request_id), revision = revision + 1,
    updated_at = now()
WHERE node = $1 AND torrent_id = $2::uuid AND state IN ('queued', 'running')
RETURNING torrent_id::text AS torrent_id, state, priority, age, attempt, failures, interruptions, revision, outcome,
    extract(epoch FROM next_try_at)::float8 AS next_try_at, extract(epoch FROM updated_at)::float8 AS updated_at,
    source_root, library_root, spec_digest, request_id
