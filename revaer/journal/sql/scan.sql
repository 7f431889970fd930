-- Look through the next $4 events behind a position, and return those that are wanted: at most $5, and of the bytes of
-- envelopes no more than $6, unless the first alone has more. There is always a row: it tells how far this looked.
WITH looked_at AS MATERIALIZED (
    SELECT epoch, seq, kind, torrent_id, info_hashes, state, category, tags, envelope
    FROM journal_events
    WHERE node = $1 AND (epoch, seq) > ($2::bigint, $3::bigint)
    ORDER BY epoch, seq
    LIMIT $4
), wanted AS (
    SELECT epoch, seq, kind, envelope,
        row_number() OVER in_order AS place,
        sum(octet_length(envelope)) OVER in_order AS bytes
    FROM looked_at
    WHERE (cardinality($7::text[]) = 0 OR kind = ANY ($7))
        AND (NOT $8::boolean OR torrent_id IS NOT NULL)
        AND (cardinality($9::uuid[]) + cardinality($10::text[]) = 0 OR torrent_id = ANY ($9) OR info_hashes && $10)
        AND (cardinality($11::text[]) = 0 OR state = ANY ($11))
        AND (cardinality($12::text[]) = 0 OR category = ANY ($12))
        AND tags @> $13::text[]
    WINDOW in_order AS (ORDER BY epoch, seq)
), reach AS (
    SELECT count(*) AS looked, (array_agg(ARRAY[epoch, seq] ORDER BY epoch DESC, seq DESC))[1:1] AS edge FROM looked_at
)
SELECT reach.looked, reach.edge[1][1] AS edge_epoch, reach.edge[1][2] AS edge_seq,
    (SELECT count(*) FROM wanted) AS found, chosen.epoch, chosen.seq, chosen.kind, chosen.envelope
FROM reach
LEFT JOIN (SELECT * FROM wanted WHERE place = 1 OR (place <= $5 AND bytes <= $6)) AS chosen ON true
ORDER BY chosen.epoch, chosen.seq
