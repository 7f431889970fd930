"""Why a daemon does not start or ends badly, with the exit code each stands for."""

from __future__ import annotations


class DaemonError(Exception):
    """Root: a sentence for the operator, and the process's exit code."""

    exit_code = 3


class UsageError(DaemonError):
    """What was asked of the daemon is wrong; the operator must change it."""

    exit_code = 2


class DirectoryUnusable(DaemonError):
    """The data directory cannot be created, read or written."""


class DirectoryLocked(DaemonError):
    """Another daemon runs on this data directory."""
