"""Torrents of other programs, read from their files: what they are, where they lie, and how far they are."""
