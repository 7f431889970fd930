"""Why a backup is not made or not used."""

from __future__ import annotations


class BackupError(Exception):
    """Root: a sentence for the operator that says what to do."""


class BrokenBackup(BackupError):
    """The file is no backup, is cut off, or was changed."""


class StrangeBackup(BackupError):
    """The file is whole, but this version cannot use it."""


class UnwritableBackup(BackupError):
    """The disk does not take the file, or does not give it back."""


class NotEmpty(BackupError):
    """There is a node already where one was to be restored."""


class SourceChanged(BackupError):
    """What was to be backed up cannot be read."""
