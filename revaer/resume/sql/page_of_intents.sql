-- One page in the order of acceptance (ids grow with time), from behind an id.
SELECT id::text AS id, info_hash_v1, info_hash_v2, magnet, metainfo, options::text AS options,
       extract(epoch FROM added_at)::float8 AS added_at, extract(epoch FROM completed_at)::float8 AS completed_at,
       removing::text AS removing, revision
FROM torrents
WHERE node = $1 AND id > $2::uuid
ORDER BY id
LIMIT $3
