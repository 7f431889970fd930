"""Hashes the library again and compares it with what was published."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from revaer.fsops import artefact, meta
from revaer.fsops.artefact import ArtifactCheck, ArtifactState
from revaer.fsops.disk import Disk
from revaer.fsops.errors import Cancelled, FsOpsError, Transient, from_os_error
from revaer.fsops.places import FOLDER, META_SUFFIX
from revaer.fsops.record import UnreadableRecord, decode
from revaer.types import TorrentId


class Verdict(enum.StrEnum):
    """What became of an entry since it was published."""

    INTACT = "intact"
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on one entry; `message` says why it could not be read."""

    torrent_id: TorrentId
    artifact_path: Path | None
    verdict: Verdict
    check: ArtifactCheck | None = None
    message: str | None = None


def verify_library(
    library_root: Path,
    *,
    disk: Disk | None = None,
    only: frozenset[TorrentId] | None = None,
    on_bytes: Callable[[int], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Verification]:
    """Hash every published entry and yield a verdict on each, in the order of their torrents. Changes nothing. Blocks.

    Args:
        library_root: The library.
        disk: The disk.
        only: The torrents whose entries are verified; all when None.
        on_bytes: Told at least every 100 ms how many bytes were hashed since the last call.
        cancelled: Asked as often whether to stop.

    Raises:
        Cancelled: It was told to stop.
        Transient: The library is not there.
    """
    if not library_root.is_dir():
        raise Transient("the library is not there; is its volume mounted?", path=str(library_root))
    library = Path(os.path.realpath(library_root))
    for path in meta.find_all(library / FOLDER):
        torrent_id = TorrentId(path.name.removesuffix(META_SUFFIX))
        if only is None or torrent_id in only:
            found = _verify(disk or Disk(), library, path, torrent_id, _Ticker(on_bytes, cancelled))
            if found is not None:
                yield found


class _Ticker:
    """Passes bytes on and stops when told."""

    def __init__(self, on_bytes: Callable[[int], None], cancelled: Callable[[], bool]) -> None:
        self._on_bytes = on_bytes
        self._cancelled = cancelled

    def __call__(self, count: int) -> None:
        self._on_bytes(count)
        if self._cancelled():
            raise Cancelled


def _verify(
    disk: Disk, library: Path, path: Path, torrent_id: TorrentId, on_bytes: Callable[[int], None]
) -> Verification | None:
    on_bytes(0)
    try:
        content = meta.read(disk, path)
        if content is None:
            return None
        record = decode(content)
    except (FsOpsError, UnreadableRecord) as error:
        return Verification(torrent_id, None, Verdict.UNREADABLE, message=f"the record cannot be read: {error}")
    artifact = record.artifact
    if artifact is None:
        return None
    target = library / artifact.entry
    try:
        check = artefact.inspect(
            disk, library, artifact, record.placed, record.hashes, thorough=True, on_bytes=on_bytes
        )
    except Cancelled:
        raise
    except (FsOpsError, OSError) as error:
        cause = error if isinstance(error, FsOpsError) else from_os_error(error, "read the entry")
        return Verification(torrent_id, target, Verdict.UNREADABLE, message=str(cause))
    verdict = {
        ArtifactState.INTACT: Verdict.INTACT,
        ArtifactState.CHANGED: Verdict.CHANGED,
        ArtifactState.MISSING: Verdict.MISSING,
    }[check.state]
    return Verification(torrent_id, target, verdict, check)
