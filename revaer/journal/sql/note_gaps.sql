INSERT INTO journal_gaps (node, epoch, from_seq, to_epoch, to_seq, reason)
SELECT $1, epoch, from_seq, to_epoch, to_seq, reason
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
    AS new (epoch, from_seq, to_epoch, to_seq, reason)
ON CONFLICT (node, epoch, from_seq) DO UPDATE SET (to_epoch, to_seq) = (
    SELECT to_epoch, to_seq FROM (VALUES
        (journal_gaps.to_epoch, journal_gaps.to_seq), (EXCLUDED.to_epoch, EXCLUDED.to_seq)
    ) AS both_ends (to_epoch, to_seq) ORDER BY to_epoch DESC, to_seq DESC LIMIT 1
)
