-- $2 new hash, $3 grace in seconds. The old secret never outlives the end that it had.
UPDATE api_keys
SET previous_hash = CASE WHEN $3 > 0 THEN secret_hash END,
    grace_until = CASE WHEN $3 > 0 THEN least(now() + make_interval(secs => $3), expires_at) END,
    secret_hash = $2,
    expires_at = now() + (expires_at - coalesce(rotated_at, created_at)),
    rotated_at = now()
WHERE key_id = $1 AND revoked_at IS NULL
