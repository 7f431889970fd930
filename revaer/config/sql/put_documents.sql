-- $1 revision; $2 names and $3 bodies of the documents that changed.
WITH given AS (
    SELECT name, body::jsonb AS body FROM unnest($2::text[], $3::text[]) AS given (name, body)
), kept AS (
    INSERT INTO config_versions (name, revision, body) SELECT name, $1, body FROM given
)
INSERT INTO config_documents (name, body, revision)
SELECT name, body, $1 FROM given
ON CONFLICT (name) DO UPDATE SET body = excluded.body, revision = excluded.revision
