-- Replace stored intents; an absent source keeps the stored one. Keys of `options` that only a newer daemon knows stay.
-- Answers with the image before the change too: it is put back when the fate of the commit stays unknown. The metainfo is
-- in it only when other bytes took its place.
UPDATE torrents AS stored
SET info_hash_v1 = given.info_hash_v1,
    info_hash_v2 = given.info_hash_v2,
    magnet = COALESCE(given.magnet, stored.magnet),
    metainfo = COALESCE(given.metainfo, stored.metainfo),
    options = stored.options || given.options::jsonb,
    added_at = to_timestamp(given.added_at),
    completed_at = to_timestamp(given.completed_at),
    removing = given.removing::jsonb,
    revision = stored.revision + 1,
    updated_at = now()
FROM unnest(
    $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::float8[], $9::float8[], $10::text[]
) AS given (id, info_hash_v1, info_hash_v2, magnet, metainfo, options, added_at, completed_at, removing)
JOIN torrents AS before ON before.id = given.id
WHERE stored.id = given.id AND stored.node = $1
RETURNING stored.id::text AS id, stored.revision, stored.magnet, pg_current_xact_id()::text AS xid,
    jsonb_build_object(
        'id', before.id, 'info_hash_v1', before.info_hash_v1, 'info_hash_v2', before.info_hash_v2,
        'magnet', before.magnet, 'had_metainfo', before.metainfo IS NOT NULL,
        'metainfo', CASE WHEN given.metainfo <> before.metainfo THEN encode(before.metainfo, 'base64') END,
        'options', before.options, 'added_at', before.added_at, 'completed_at', before.completed_at,
        'removing', before.removing
    )::text AS before
