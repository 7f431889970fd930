"""Limits and goals: which caps hold now, when a torrent has seeded enough, and the governor that sees to it."""
