INSERT INTO journal_floor (node, epoch, seq) VALUES ($1, $2, $3) ON CONFLICT (node) DO NOTHING
