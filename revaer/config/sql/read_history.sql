SELECT revision, extract(epoch FROM at)::float8 AS at, author, request_id, operation, changes::text AS changes
FROM config_history
WHERE $2::bigint IS NULL OR revision < $2
ORDER BY revision DESC
LIMIT $1
