SELECT max(epoch) AS epoch FROM journal_runs WHERE node = $1
