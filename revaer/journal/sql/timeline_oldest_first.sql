-- The events of one torrent behind a position: at most $5, and no more bytes of envelopes than $6 beyond the first.
SELECT * FROM (
    SELECT epoch, seq, kind, is_origin, envelope,
        count(*) OVER () AS found,
        row_number() OVER in_order AS place,
        sum(octet_length(envelope)) OVER in_order AS bytes
    FROM (
        SELECT epoch, seq, kind, is_origin, envelope FROM journal_events
        WHERE node = $1 AND torrent_id = $2 AND (epoch, seq) > ($3::bigint, $4::bigint)
        ORDER BY epoch, seq
        LIMIT $5
    ) AS next
    WINDOW in_order AS (ORDER BY epoch, seq)
) AS counted
WHERE place = 1 OR bytes <= $6
ORDER BY epoch, seq
