SELECT epoch, from_seq, to_epoch, to_seq, reason FROM journal_gaps WHERE node = $1 ORDER BY epoch, from_seq
