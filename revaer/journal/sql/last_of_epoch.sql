SELECT max(seq) AS seq FROM journal_events WHERE node = $1 AND epoch = $2
