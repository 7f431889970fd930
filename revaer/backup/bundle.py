"""The file: a tar compressed by zstd, its manifest last, so that one that is cut off is known by its want of one.

Everything here blocks.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from backports import zstd

from revaer.backup import manifest as manifests
from revaer.backup.errors import BackupError, BrokenBackup, UnwritableBackup
from revaer.backup.manifest import Manifest, Member
from revaer.files import name_anew

MEMBER_BYTES: Final = 128 * 1024 * 1024
"""No member is larger: one that says so is no member of ours, and is not read into memory."""
_OPTIONS: Final[dict[int, int]] = {
    zstd.CompressionParameter.checksum_flag: 1,
    zstd.CompressionParameter.compression_level: 6,
}
_PARTIAL: Final = ".partial"
_READING: Final = (tarfile.TarError, zstd.ZstdError, EOFError, OSError)


class BundleWriter:
    """Writes members one after the other.

    Attributes:
        members: what was written so far.
    """

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def put(self, name: str, content: bytes) -> None:
        """Add a member. Raises OSError when the disk refuses."""
        self._write(name, content)
        self.members[name] = Member(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest, the last member."""
        self._write(manifests.NAME, manifest.model_dump_json(indent=1).encode())

    def _write(self, name: str, content: bytes) -> None:
        head = tarfile.TarInfo(name)
        head.size, head.mode = len(content), 0o600
        self._archive.addfile(head, io.BytesIO(content))


@contextmanager
def writing(path: Path) -> Iterator[BundleWriter]:
    """Write a backup beside its name; after a body without an error read it again, and give it the name, durably.

    Raises:
        BackupError: there is a file of that name.
        UnwritableBackup: the disk refuses, or it does not give back what was written.
    """
    if path.exists():
        raise BackupError(f"{path} exists; name another file, or remove it first")
    _remove_abandoned(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PARTIAL, dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                with suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX)
                with (
                    zstd.ZstdFile(file, "w", options=_OPTIONS) as packed,
                    tarfile.open(fileobj=packed, mode="w|") as archive,
                ):
                    yield BundleWriter(archive)
                file.flush()
                os.fsync(file.fileno())
                verify(partial)
                name_anew(partial, path)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
    except BrokenBackup as error:
        why = f"what was written is not what can be read: {error}; look at the disk, try again"
        raise UnwritableBackup(why) from error
    except FileExistsError as error:
        raise BackupError(f"cannot write {path}: {error.strerror or error}") from error
    except OSError as error:
        raise UnwritableBackup(f"cannot write {path}: {error.strerror or error}") from error


def _remove_abandoned(path: Path) -> None:
    """Remove what runs that were killed left beside the name: it holds every key. Those that run hold a lock."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*{_PARTIAL}"):
        with suppress(OSError), partial.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink()


def read(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read the members of a backup in their order, the manifest last, as they are.

    Raises:
        BrokenBackup: the file cannot be read to its end.
    """
    try:
        with path.open("rb") as file:
            yield from _members(file)
    except _READING as error:
        raise BrokenBackup(f"{path} is no whole backup: {str(error) or type(error).__name__}") from error


def _members(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    with zstd.ZstdFile(file) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
        for head in archive:
            content = archive.extractfile(head) if head.isreg() and head.size <= MEMBER_BYTES else None
            if content is None:
                raise BrokenBackup(f"{head.name!r} is nothing that a backup has")
            yield head.name, content.read()
        # What follows the archive's end may be cut off: the check sum of the whole stands there.
        while packed.read(65536):
            pass


def verify(path: Path) -> Manifest:
    """Read a whole backup and compare each member with the manifest.

    Raises:
        BrokenBackup: it is cut off, was changed, or is none.
    """
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    for name, content in read(path):
        if manifest is not None or name in found:
            raise BrokenBackup(f"{path} was changed: {name!r} comes twice, or after the end")
        if name == manifests.NAME:
            manifest = manifests.parse(content)
        else:
            found[name] = Member(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    if manifest is None:
        raise BrokenBackup(f"{path} is cut off: it has no manifest, which comes last")
    for name in sorted(found.keys() | manifest.members.keys()):
        if found.get(name) != manifest.members.get(name):
            raise BrokenBackup(f"{path} was changed: {name!r} is not what its manifest says")
    return manifest
