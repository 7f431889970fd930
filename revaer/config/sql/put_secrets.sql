INSERT INTO secrets (name, envelope, updated_at)
SELECT name, envelope, clock_timestamp() FROM unnest($1::text[], $2::bytea[]) AS given (name, envelope)
ON CONFLICT (name) DO UPDATE SET envelope = excluded.envelope, updated_at = excluded.updated_at
