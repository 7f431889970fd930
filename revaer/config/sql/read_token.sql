SELECT token_id::text AS token_id, token_hash,
       extract(epoch FROM issued_at)::float8 AS issued_at, extract(epoch FROM expires_at)::float8 AS expires_at,
       used_at IS NOT NULL AS used, extract(epoch FROM clock_timestamp())::float8 AS now
FROM setup_token
