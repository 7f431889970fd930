-- Writing an event twice is writing it once: a commit whose answer was lost is repeated.
INSERT INTO journal_events
    (node, epoch, seq, at, kind, request_id, torrent_id, info_hashes, state, category, tags, is_origin, envelope)
SELECT $1, $2, seq, to_timestamp(at), kind, request_id, torrent_id, info_hashes::text[], state, category, tags::text[],
    is_origin, envelope
FROM unnest(
    $3::bigint[], $4::double precision[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::boolean[], $13::text[]
) AS new (seq, at, kind, request_id, torrent_id, info_hashes, state, category, tags, is_origin, envelope)
ON CONFLICT (node, epoch, seq) DO NOTHING
