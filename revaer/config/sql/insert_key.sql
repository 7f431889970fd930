-- $5 is the life in seconds; NULL is for ever.
INSERT INTO api_keys (key_id, label, scopes, secret_hash, created_at, expires_at, rate_burst, rate_per_seconds)
VALUES ($1, $2, $3, $4, now(), now() + make_interval(secs => $5), $6, $7)
ON CONFLICT (key_id) DO UPDATE
SET label = excluded.label, scopes = excluded.scopes, secret_hash = excluded.secret_hash, created_at = now(),
    expires_at = excluded.expires_at, revoked_at = NULL, rate_burst = excluded.rate_burst,
    rate_per_seconds = excluded.rate_per_seconds, rotated_at = NULL, previous_hash = NULL, grace_until = NULL
