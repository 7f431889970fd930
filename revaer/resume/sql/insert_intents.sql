-- Make intents durable; one that conflicts by id or info-hash is left out of the answer and disturbs no other.
INSERT INTO torrents (
    node, id, info_hash_v1, info_hash_v2, magnet, metainfo, options, added_at, completed_at, removing
)
SELECT $1, id, info_hash_v1, info_hash_v2, magnet, metainfo, options::jsonb,
       to_timestamp(added_at), to_timestamp(completed_at), removing::jsonb
FROM unnest(
    $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::float8[], $9::float8[], $10::text[]
) AS given (id, info_hash_v1, info_hash_v2, magnet, metainfo, options, added_at, completed_at, removing)
ON CONFLICT DO NOTHING
RETURNING id::text AS id, revision, pg_current_xact_id()::text AS xid
