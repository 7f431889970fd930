UPDATE journal_runs SET last_seq = $4, ended_at = now() WHERE node = $1 AND epoch = $2 AND run_id = $3
