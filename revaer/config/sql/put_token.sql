-- $4 is the life in seconds.
INSERT INTO setup_token (token_id, token_hash, issued_by, issued_at, expires_at)
VALUES ($1::text::uuid, $2, $3, now(), now() + make_interval(secs => $4))
ON CONFLICT (singleton) DO UPDATE
SET token_id = excluded.token_id, token_hash = excluded.token_hash, issued_by = excluded.issued_by,
    issued_at = excluded.issued_at, expires_at = excluded.expires_at, used_at = NULL
RETURNING extract(epoch FROM expires_at)::float8 AS expires_at
