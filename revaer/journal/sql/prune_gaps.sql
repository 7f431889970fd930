DELETE FROM journal_gaps WHERE node = $1 AND (to_epoch, to_seq) <= ($2::bigint, $3::bigint)
