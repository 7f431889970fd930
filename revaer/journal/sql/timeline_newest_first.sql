-- The events of one torrent ahead of a position, backwards; otherwise as `timeline_oldest_first.sql`.
SELECT * FROM (
    SELECT epoch, seq, kind, is_origin, envelope,
        count(*) OVER () AS found,
        row_number() OVER in_order AS place,
        sum(octet_length(envelope)) OVER in_order AS bytes
    FROM (
        SELECT epoch, seq, kind, is_origin, envelope FROM journal_events
        WHERE node = $1 AND torrent_id = $2 AND (epoch, seq) < ($3::bigint, $4::bigint)
        ORDER BY epoch DESC, seq DESC
        LIMIT $5
    ) AS next
    WINDOW in_order AS (ORDER BY epoch DESC, seq DESC)
) AS counted
WHERE place = 1 OR bytes <= $6
ORDER BY epoch DESC, seq DESC
