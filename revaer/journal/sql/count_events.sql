SELECT count(*) AS events FROM journal_events WHERE node = $1
