INSERT INTO journal_runs (node, epoch, run_id, started_at) VALUES ($1, $2, $3, to_timestamp($4))
ON CONFLICT (node, epoch) DO NOTHING
