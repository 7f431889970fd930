UPDATE setup_token SET used_at = clock_timestamp() WHERE token_id = $1::text::uuid AND used_at IS NULL
