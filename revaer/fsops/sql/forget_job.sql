UPDATE fsops_jobs
SET state = 'forgotten', next_try_at = NULL, revision = revision + 1, updated_at = now()
WHERE node = $1 AND torrent_id = $2::uuid AND state <> 'forgotten'
