-- Jobs that nobody runs any more wait again. One that is interrupted time after time may be the cause: it has to pause.
UPDATE fsops_jobs
SET state = 'queued', interruptions = interruptions + 1, revision = revision + 1, updated_at = now(),
    next_try_at = CASE
        WHEN interruptions >= $3 THEN now() + make_interval(secs => $4::float8 * (interruptions - $3 + 1))
    END
WHERE node = $1 AND state = 'running' AND NOT torrent_id = ANY ($2::uuid[])
