"""Which files of a torrent are wanted, and why: the one matcher that everybody uses. Pure functions."""

from revaer.selection.policy import evaluate, validate

__all__ = ["evaluate", "validate"]
