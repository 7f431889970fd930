"""The files of the embedded server: data directory and log. Everything here blocks for a few file operations."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from revaer.database.account import Account
from revaer.database.messages import DatabaseUnavailable

_LOG_LIMIT = 1 << 20
_TAIL = 8192
_GRAVE = ("FATAL:", "PANIC:")


def cluster_version(data: Path) -> int | None:
    """Return the major version of PostgreSQL that made a data directory; None when there is none yet.

    Raises:
        DatabaseUnavailable: The directory holds something else. It is left alone.
    """
    try:
        if not data.exists() or not any(data.iterdir()):
            return None
        return int((data / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise DatabaseUnavailable(f"{data} is not a readable PostgreSQL data directory: {error}") from error


def clear_attempt(fresh: Path) -> None:
    """Remove what an interrupted set-up left behind."""
    if fresh.exists():
        shutil.rmtree(fresh)


def publish(fresh: Path, data: Path) -> None:
    """Give a complete data directory its name, durably."""
    fresh.rename(data)
    parent = os.open(data.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def open_log(path: Path, account: Account) -> int:
    """Open the server's log for appending and return the descriptor; a large log is set aside first."""
    # The directory belongs to the server's user: following a link there would let it name any file of ours.
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.fstat(log).st_size > _LOG_LIMIT:
        os.close(log)
        path.replace(path.with_suffix(".log.1"))
        return open_log(path, account)
    os.fchown(log, account.uid, account.gid)
    return log


def last_words(log: Path) -> str:
    """Return what the server last complained about, for people."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError as error:
        return f"its log cannot be read: {error.strerror}"
    for line in reversed(lines):
        for level in _GRAVE:
            if level in line:
                return line.partition(level)[2].strip()
    return lines[-1] if lines else "it said nothing"
