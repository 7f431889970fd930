SELECT last_seq FROM journal_runs WHERE node = $1 AND epoch = $2
