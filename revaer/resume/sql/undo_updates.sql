-- Put images back, but only over rows as that very transaction wrote them.
UPDATE torrents AS stored
SET info_hash_v1 = before.info_hash_v1,
    info_hash_v2 = before.info_hash_v2,
    magnet = before.magnet,
    metainfo = CASE WHEN before.had_metainfo THEN COALESCE(decode(before.metainfo, 'base64'), stored.metainfo) END,
    options = before.options,
    added_at = before.added_at,
    completed_at = before.completed_at,
    removing = before.removing,
    revision = stored.revision + 1,
    updated_at = now()
FROM jsonb_to_recordset($2::text::jsonb) AS before (
    id uuid, info_hash_v1 text, info_hash_v2 text, magnet text, had_metainfo boolean, metainfo text, options jsonb,
    added_at timestamptz, completed_at timestamptz, removing jsonb
)
WHERE stored.id = before.id AND stored.node = $1 AND stored.xmin = $3::text::xid8::xid
