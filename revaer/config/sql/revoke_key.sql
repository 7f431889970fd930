UPDATE api_keys SET revoked_at = now(), previous_hash = NULL, grace_until = NULL WHERE key_id = $1 AND revoked_at IS NULL
