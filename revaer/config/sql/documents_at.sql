-- The documents as they were at a revision; no row when there was no such revision.
SELECT (
    SELECT coalesce(jsonb_object_agg(name, body), '{}')
    FROM (
        SELECT DISTINCT ON (name) name, body
        FROM config_versions
        WHERE revision <= $1
        ORDER BY name, revision DESC
    ) AS latest
)::text AS documents
FROM config_history
WHERE revision = $1
