-- Keys as the node's own copy has them; times are Unix seconds. A key that is there already stays as it is.
INSERT INTO api_keys (key_id, label, scopes, secret_hash, created_at, expires_at, rate_burst, rate_per_seconds, rotated_at,
                      previous_hash, grace_until)
SELECT key_id, label, scopes, secret_hash, to_timestamp(created_at), to_timestamp(expires_at), burst, per_seconds,
       to_timestamp(rotated_at), previous_hash, to_timestamp(grace_until)
FROM jsonb_to_recordset($1::jsonb) AS given (
    key_id text, label text, scopes text[], secret_hash text, created_at float8, expires_at float8, burst integer,
    per_seconds float8, rotated_at float8, previous_hash text, grace_until float8
)
ON CONFLICT (key_id) DO NOTHING
