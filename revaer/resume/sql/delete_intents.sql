DELETE FROM torrents WHERE node = $1 AND id = ANY ($2::uuid[])
