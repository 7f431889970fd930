SELECT epoch, seq FROM journal_floor WHERE node = $1
