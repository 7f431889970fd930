-- Delete rows only as that very transaction wrote them.
DELETE FROM torrents WHERE node = $1 AND id = ANY ($2::uuid[]) AND xmin = $3::text::xid8::xid
