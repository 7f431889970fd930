-- Everything in force, seen at one moment. Times are Unix seconds; `age` is measured by one clock.
SELECT stood.revision,
       extract(epoch FROM stood.changed_at)::float8 AS changed_at,
       greatest(0, extract(epoch FROM clock_timestamp() - stood.changed_at))::float8 AS age,
       last.author,
       last.request_id,
       (SELECT coalesce(jsonb_object_agg(name, body), '{}') FROM config_documents)::text AS documents,
       (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
               'key_id', key_id,
               'label', label,
               'scopes', scopes,
               'secret_hash', secret_hash,
               'created_at', extract(epoch FROM created_at)::float8,
               'expires_at', extract(epoch FROM expires_at)::float8,
               'burst', rate_burst,
               'per_seconds', rate_per_seconds,
               'rotated_at', extract(epoch FROM rotated_at)::float8,
               'previous_hash', previous_hash,
               'grace_until', extract(epoch FROM grace_until)::float8
           ) ORDER BY created_at, key_id), '[]')
           FROM api_keys
           WHERE revoked_at IS NULL
       )::text AS keys,
       (
           SELECT coalesce(jsonb_object_agg(name, jsonb_build_object(
               'envelope', encode(envelope, 'hex'),
               'updated_at', extract(epoch FROM updated_at)::float8
           )), '{}')
           FROM secrets
       )::text AS secrets
FROM config_revision AS stood
LEFT JOIN config_history AS last ON last.revision = stood.revision
