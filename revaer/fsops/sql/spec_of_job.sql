SELECT spec FROM fsops_jobs WHERE node = $1 AND torrent_id = $2::uuid AND state <> 'forgotten'
