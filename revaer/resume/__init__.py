"""Intents and fast-resume records: what must exist after any crash, and how far the engine had come."""
