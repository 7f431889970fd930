"""The data directory: its layout, the lock that keeps a second daemon out, and the small files beside the database."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from revaer.daemon.errors import DirectoryLocked, DirectoryUnusable
from revaer.files import write_atomically


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Where a node keeps everything; see the contract's section 7 for the layout."""

    root: Path

    @property
    def resume(self) -> Path:
        """Fast-resume records and copies of intents."""
        return self.root / "resume"

    @property
    def resume_note(self) -> Path:
        """Which directory had the records at the last start: the configuration may name another."""
        return self.root / "resume-place"

    @property
    def downloads(self) -> Path:
        """Where torrents go that name no directory."""
        return self.root / "downloads"

    @property
    def library(self) -> Path:
        """Where finished entries are published."""
        return self.root / "library"

    @property
    def credentials(self) -> Path:
        """The admin key for commands on this node."""
        return self.root / "credentials.json"

    @property
    def runtime(self) -> Path:
        """Where the running daemon answers."""
        return self.root / "runtime.json"

    @property
    def configuration(self) -> Path:
        """The node's own copy of the configuration that is in force."""
        return self.root / "configuration.json"

    @property
    def secret_key(self) -> Path:
        """The encryption keys of secrets, unless another file is named."""
        return self.root / "secret.key"

    @property
    def restoring(self) -> Path:
        """There while a backup is being restored here, and after a restore that was interrupted."""
        return self.root / "restoring"

    def is_used(self) -> bool:
        """Whether a node has ever been started here."""
        return any((self.root / name).exists() for name in ("epoch", "postgres", self.configuration.name))

    def epoch(self) -> int:
        """How often a daemon was started here."""
        return _stored_epoch(self.root / "epoch")

    def prepare(self) -> None:
        """Make the directories and prove that they can be written.

        Raises:
            DirectoryUnusable: with the path and what the system said.
        """
        for folder in (self.root, self.resume, self.downloads, self.library):
            try:
                folder.mkdir(mode=0o700 if folder == self.root else 0o755, parents=True, exist_ok=True)
                probe = folder / f".revaer-probe-{os.getpid()}"
                probe.write_bytes(b"")
                probe.unlink()
            except OSError as error:
                raise DirectoryUnusable(
                    f"cannot write the data directory: {folder}: {error.strerror or error}. {_advice(error)}"
                ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process; the kernel lets go when the process dies.

        Raises:
            DirectoryLocked: another process holds it; the message names it.
            DirectoryUnusable: the lock file cannot be opened.
        """
        path = self.root / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DirectoryUnusable(f"cannot open {path}: {error.strerror}. {_advice(error)}") from error
        try:
            self._acquire(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise DirectoryUnusable(f"cannot lock {self.root}: {error.strerror}") from error
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise DirectoryLocked(
                f"another revaer daemon (process {holder or 'unknown'}) already runs on {self.root}. "
                "Stop it first, or give this one another --data-dir."
            ) from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise DirectoryUnusable(f"cannot write {self.root / 'lock'}: {error.strerror}. {_advice(error)}") from error

    def next_epoch(self) -> int:
        """Count this start, durably, and return the count; event ids grow with it.

        Raises:
            DirectoryUnusable: the counter cannot be written.
        """
        path = self.root / "epoch"
        try:
            epoch = _stored_epoch(path) + 1
            write_atomically(path, f"{epoch}\n".encode())
        except OSError as error:
            raise DirectoryUnusable(f"cannot write {path}: {error.strerror}. {_advice(error)}") from error
        return epoch

    def raise_epoch(self, epoch: int) -> None:
        """Let this start count as the `epoch`-th: more are known of than were counted here.

        Raises:
            DirectoryUnusable: the counter cannot be written.
        """
        path = self.root / "epoch"
        try:
            write_atomically(path, f"{epoch}\n".encode())
        except OSError as error:
            raise DirectoryUnusable(f"cannot write {path}: {error.strerror}. {_advice(error)}") from error

    def announce(self, *, url: str, epoch: int) -> None:
        """Tell commands on this node where the daemon answers."""
        write_atomically(self.runtime, json.dumps({"pid": os.getpid(), "url": url, "epoch": epoch}).encode())

    def withdraw(self) -> None:
        """Take the announcement back."""
        self.runtime.unlink(missing_ok=True)


def _advice(error: OSError) -> str:
    """Say what to do about a disk that refuses."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Make room on its volume and start again."
        case errno.EROFS:
            return "Mount its volume for writing, or choose another directory with --data-dir."
        case errno.EEXIST | errno.ENOTDIR:
            return "There is something that is no directory: move it away, or choose another path with --data-dir."
    return "Give it to the user that runs revaer, or choose another directory with --data-dir."


def _stored_epoch(path: Path) -> int:
    """Read the counter; one that is damaged restarts beyond anything a client may have seen."""
    try:
        text = path.read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return 0
    return int(text) if text.isascii() and text.isdigit() else int(path.stat().st_mtime)
