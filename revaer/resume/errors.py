"""What this slice raises within itself. What leaves it are the refusals in `messages`."""

from __future__ import annotations


class ResumeError(Exception):
    """Root of the errors inside the resume store."""


class UnreadableDocument(ResumeError):
    """A stored intent cannot be read; the message says why."""


class UnwritableIntent(ResumeError):
    """An intent cannot be written down; the message says why."""


class BrokenFile(ResumeError):
    """A file in the resume directory is not what its name says; the message says in what way."""


class UnreadFile(ResumeError):
    """A file in the resume directory cannot be read now, and may be whole; the message says why."""
