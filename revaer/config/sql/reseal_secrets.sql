-- The same secrets under another key: what was set when stays.
UPDATE secrets SET envelope = given.envelope
FROM unnest($1::text[], $2::bytea[]) AS given (name, envelope)
WHERE secrets.name = given.name
