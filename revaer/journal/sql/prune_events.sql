-- Let go of the oldest events, $4 at most: those of before $2 (Unix seconds) that nothing younger comes ahead of, and the
-- first $3 whatever their age. What is gone is noted in the same statement.
WITH oldest AS (
    SELECT epoch, seq,
        row_number() OVER in_order AS place,
        bool_and(at < to_timestamp($2::double precision)) OVER in_order AS is_past
    FROM (
        SELECT epoch, seq, at FROM journal_events WHERE node = $1 ORDER BY epoch, seq LIMIT $4
    ) AS first
    WINDOW in_order AS (ORDER BY epoch, seq)
), edge AS (
    SELECT epoch, seq FROM oldest WHERE is_past OR place <= $3 ORDER BY epoch DESC, seq DESC LIMIT 1
), gone AS (
    DELETE FROM journal_events
    WHERE node = $1 AND (epoch, seq) <= ((SELECT epoch FROM edge), (SELECT seq FROM edge))
    RETURNING 1
), floor AS (
    INSERT INTO journal_floor (node, epoch, seq) SELECT $1, epoch, seq FROM edge
    ON CONFLICT (node) DO UPDATE SET epoch = EXCLUDED.epoch, seq = EXCLUDED.seq
)
SELECT edge.epoch, edge.seq, (SELECT count(*) FROM gone) AS events FROM edge
