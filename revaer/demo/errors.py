"""Why a demonstration ends badly."""

from __future__ import annotations


class DemoFailed(Exception):
    """Something did not go as promised; the message says what, `evidence` shows the end of the log that tells more."""

    def __init__(self, message: str, *, evidence: str = "") -> None:
        super().__init__(message)
        self.evidence = evidence
