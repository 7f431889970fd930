"""The database: pool, migrations runner and embedded server. Other slices import `messages` only."""
