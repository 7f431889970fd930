SELECT torrent_id::text AS torrent_id, priority, age, extract(epoch FROM next_try_at)::float8 AS next_try_at,
    source_root
FROM fsops_jobs
WHERE node = $1 AND state = 'queued' AND ($2::text IS NULL OR torrent_id > $2::text::uuid)
ORDER BY torrent_id LIMIT $3
