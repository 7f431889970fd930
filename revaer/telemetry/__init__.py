"""Structured logs, metrics, and the watch over the event loop."""
