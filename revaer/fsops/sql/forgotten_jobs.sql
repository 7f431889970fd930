SELECT torrent_id::text AS torrent_id, library_root FROM fsops_jobs WHERE node = $1 AND state = 'forgotten'
ORDER BY torrent_id LIMIT $2
