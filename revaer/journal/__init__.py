"""The journal: the durable log of events, and its replay."""
