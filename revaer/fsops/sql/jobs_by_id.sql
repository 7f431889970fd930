SELECT torrent_id::text AS torrent_id, state, priority, age, attempt, failures, interruptions, revision, outcome,
    extract(epoch FROM next_try_at)::float8 AS next_try_at, extract(epoch FROM updated_at)::float8 AS updated_at,
    source_root, library_root, spec_digest, request_id
FROM fsops_jobs WHERE node = $1 AND torrent_id = ANY ($2::uuid[]) AND state <> 'forgotten'
