SELECT epoch, run_id, last_seq FROM journal_runs WHERE node = $1 ORDER BY epoch DESC LIMIT 1
