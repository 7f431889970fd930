DELETE FROM secrets WHERE name = ANY ($1::text[])
