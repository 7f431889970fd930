-- $1 revision, $2 change, $3 author, $4 request, $5 operation, $6 changes, $7 channel, $8 what to notify after the commit.
WITH moment AS MATERIALIZED (
    SELECT clock_timestamp() AS at
), stepped AS (
    UPDATE config_revision SET revision = $1, changed_at = moment.at FROM moment
), kept AS (
    INSERT INTO config_history (revision, change_id, at, author, request_id, operation, changes)
    SELECT $1, $2, moment.at, $3, $4, $5, $6::jsonb FROM moment
)
SELECT pg_notify($7, $8)
