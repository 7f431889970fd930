-- `in progress`, `committed`, `aborted`, or NULL when the server no longer knows.
SELECT pg_xact_status($1::text::xid8) AS status
