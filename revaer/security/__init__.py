"""API keys, scopes, hashing and token buckets: pure policy that names no event loop."""
