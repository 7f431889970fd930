INSERT INTO fsops_volumes (node, root, volume_id) VALUES ($1, $2, $3::uuid)
ON CONFLICT (node, root) DO UPDATE SET volume_id = excluded.volume_id, noted_at = now()
