SELECT torrent_id::text AS torrent_id, library_root FROM fsops_jobs
WHERE node = $1 AND state = 'forgotten' AND ($2::text IS NULL OR torrent_id > $2::text::uuid)
ORDER BY torrent_id LIMIT $3
