SELECT volume_id::text AS volume_id FROM fsops_volumes WHERE node = $1 AND root = $2
