INSERT INTO fsops_queue (node, paused) VALUES ($1, $2)
ON CONFLICT (node) DO UPDATE SET paused = excluded.paused, changed_at = now()
