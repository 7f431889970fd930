-- Nothing is answered when the job is no longer as it was claimed, or when this was done before.
UPDATE fsops_jobs
SET state = $4, failures = $5, interruptions = 0, next_try_at = to_timestamp($6), outcome = $7,
    revision = revision + 1, updated_at = now()
WHERE node = $1 AND torrent_id = $2::uuid AND revision = $3
RETURNING torrent_id::text AS torrent_id, state, priority, age, attempt, failures, interruptions, revision, outcome,
    extract(epoch FROM next_try_at)::float8 AS next_try_at, extract(epoch FROM updated_at)::float8 AS updated_at,
    source_root, library_root, spec_digest, request_id
