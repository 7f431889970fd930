"""What a server's data directory says about the process that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PID_FILE = "postmaster.pid"
_PROC = Path("/proc")
_STATUS_LINE = 7


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The main process of a running server.

    Attributes:
        pid: Its process id.
        ready: It accepts connections.
    """

    pid: int
    ready: bool


def find_postmaster(data: Path) -> Postmaster | None:
    """Return the process that serves a data directory now, if any. Blocks for a few file reads.

    Args:
        data: The data directory, resolved.
    """
    pid, lines = _read_pid_file(data)
    if pid is None or not serves(pid, data):
        return None
    return Postmaster(pid, len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready")


def serves(pid: int, data: Path) -> bool:
    """Tell whether a process is alive and the postmaster of a data directory. Blocks for a few file reads.

    A process id alone proves nothing: after a reboot, or in a new container, it may be anybody's.
    """
    words = _command_line(pid)
    if not _is_postgres(words):
        return False
    try:
        return _PROC.joinpath(str(pid), "cwd").samefile(data)
    except PermissionError:
        # Root without the right to trace others cannot follow the link.
        return bytes(data) in words
    except OSError:
        return False


def discard_stale_pid_file(data: Path) -> None:
    """Remove a pid file that names a living process of somebody else, which would keep the server from starting.

    A file that names a dead process stays: from it the next server learns which shared memory to check for survivors.
    """
    pid, _ = _read_pid_file(data)
    if pid is not None and any(words := _command_line(pid)) and not _is_postgres(words):
        (data / _PID_FILE).unlink(missing_ok=True)


def _read_pid_file(data: Path) -> tuple[int | None, list[str]]:
    try:
        lines = (data / _PID_FILE).read_text().splitlines()
    except OSError:
        return None, []
    pid = lines[0].strip() if lines else ""
    return (int(pid) if pid.isdigit() else None), lines


def _command_line(pid: int) -> list[bytes]:
    """Return a process's words; none when it is dead, a zombie or hidden."""
    try:
        return _PROC.joinpath(str(pid), "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_postgres(words: list[bytes]) -> bool:
    # The server's children carry titles such as "postgres: checkpointer".
    return bool(words) and words[0].rpartition(b"/")[2] == b"postgres"
