-- In the order of acceptance: ids grow with time.
SELECT id::text AS id FROM torrents WHERE node = $1 ORDER BY id
