-- A claim whose answer was lost is made again: only this daemon claims the jobs of its node.
UPDATE fsops_jobs
SET state = 'running', attempt = attempt + 1, next_try_at = NULL, library_root = $3, revision = revision + 1,
    updated_at = now()
WHERE node = $1 AND torrent_id = $2::uuid AND state IN ('queued', 'running')
RETURNING spec,
    torrent_id::text AS torrent_id, state, priority, age, attempt, failures, interruptions, revision, outcome,
    extract(epoch FROM next_try_at)::float8 AS next_try_at, extract(epoch FROM updated_at)::float8 AS updated_at,
    source_root, library_root, spec_digest, request_id
