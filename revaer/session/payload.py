"""What is on disk of a torrent: whether all of it can be looked at, how many names its files have, and who else has
them. What deletes payload decides by this, so nothing is guessed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import trio

from revaer.selection.messages import Decision
from revaer.session.core import Core
from revaer.session.describe import priorities_of
from revaer.session.faults import FaultKind
from revaer.session.messages import PayloadFacts, ReadPayloadFacts, SessionUnavailable
from revaer.session.port import FileEntry
from revaer.session.torrent import Torrent, payload_path
from revaer.types import TorrentId

PORTION = 1_000
"""How many torrents are noted between two looks at the event loop."""

_EVERYWHERE = ""
"""Where a look goes that goes to the files of all torrents."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The files that a torrent has as its own, below a directory; `folder` is empty for a single file."""

    torrent_id: TorrentId
    directory: str
    folder: str
    files: tuple[FileEntry, ...]

    def path_of(self, file: FileEntry) -> str:
        """Return where a file is."""
        return payload_path(self.directory, self.folder, file)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of files; `trouble` is empty when all of them were found, whole."""

    trouble: str = ""
    links: int | None = None


class PayloadDesk:
    """Looks at payload.

    Args:
        core: the shared parts.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def read(self, request: ReadPayloadFacts) -> PayloadFacts:
        """Look at a torrent's files and at who else has them.

        Raises:
            UnknownTorrent: it is not here.
            SessionUnavailable: the list of torrents is not loaded.
        """
        core = self._core
        torrent = await core.catalogue.require(request.torrent_id, within=core.timing.listing)
        if not torrent.has_metadata:
            return PayloadFacts(detail="its files are not known")
        if torrent.moving_to is not None:
            return PayloadFacts(detail="its files are being moved")
        decisions = await core.decide(torrent.files, torrent.options.selection)
        own = Claim(torrent.id, torrent.options.download_dir, torrent.folder, torrent.files)
        try:
            sight = await core.disk.run(_sight, own, decisions, at=own.directory)
        except SessionUnavailable as error:
            return PayloadFacts(detail=error.reason)
        if sight.trouble:
            return PayloadFacts(readable=False, detail=sight.trouble)
        try:
            return PayloadFacts(readable=True, links=sight.links, used_by=await self._users(torrent, own))
        except SessionUnavailable as error:
            return PayloadFacts(readable=True, links=sight.links, detail=error.reason)

    async def _users(self, torrent: Torrent, own: Claim) -> tuple[TorrentId, ...]:
        """Return who else has a torrent's files. Raises SessionUnavailable when that cannot be told."""
        catalogue = self._core.catalogue
        if catalogue.is_loading:
            raise SessionUnavailable("the list of torrents is not complete")
        others: list[Claim] = []
        for count, other in enumerate(list(catalogue)):
            if other is not torrent:
                if not other.has_metadata and other.fault is not None and other.fault.kind is FaultKind.SOURCE:
                    raise SessionUnavailable(f"the files of {other.name} are not known")
                others.extend(claims_of(other))
            if count % PORTION == PORTION - 1:
                await trio.lowlevel.checkpoint()
        return await self._core.disk.run(users_of, own, others, at=_EVERYWHERE)


def claims_of(torrent: Torrent) -> list[Claim]:
    """Return what a torrent has as its own: in two directories while it is moved, nothing before metadata."""
    if not torrent.has_metadata:
        return []
    directories = [torrent.options.download_dir, *([torrent.moving_to] if torrent.moving_to is not None else [])]
    return [Claim(torrent.id, directory, torrent.folder, torrent.files) for directory in directories]


def _sight(own: Claim, decisions: Sequence[Decision]) -> Sight:
    wanted = priorities_of(own.files, decisions)
    return look_at(
        [
            (own.path_of(file), file.size, bool(priority))
            for file, priority in zip(own.files, wanted, strict=True)
            if not file.pad
        ]
    )


def look_at(files: Sequence[tuple[str, int, bool]]) -> Sight:
    """Look at files, each a path with its size in bytes and whether it is wanted; blocks.

    What is not wanted need not be there. What is there must be a plain file, and a wanted one must be whole.
    """
    fewest: int | None = None
    for path, size, is_wanted in files:
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            if is_wanted and size:
                return Sight(f"{path} is missing")
            continue
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return Sight(f"{path}: {reason}")
        if not stat.S_ISREG(found.st_mode):
            return Sight(f"{path} is no plain file")
        if is_wanted and found.st_size != size:
            return Sight(f"{path} has {found.st_size} bytes instead of {size}")
        fewest = found.st_nlink if fewest is None else min(fewest, found.st_nlink)
    return Sight(links=fewest) if fewest is not None else Sight("none of its files is there")


def users_of(own: Claim, others: Iterable[Claim]) -> tuple[TorrentId, ...]:
    """Return the torrents that have a file of `own` as theirs, whatever way leads to it; blocks.

    Only files of the same size or the same name are looked at. A hard link is another file: it stays when this one
    goes.

    Raises:
        SessionUnavailable: a file cannot be looked at.
    """
    mine = [file for file in own.files if file.size and not file.pad]
    sizes, names = {file.size for file in mine}, {_name(file) for file in mine}
    seen: dict[tuple[int, int], str] = {}
    for file in mine:
        if (found := _look(own.path_of(file))) is not None:
            seen[found.st_dev, found.st_ino] = own.path_of(file)
    users: dict[TorrentId, None] = {}
    for other in others:
        for file in other.files:
            is_alike = not file.pad and file.size and (file.size in sizes or _name(file) in names)
            if is_alike and other.torrent_id not in users and _is_shared(other.path_of(file), seen):
                users[other.torrent_id] = None
    return tuple(users)


def _is_shared(path: str, seen: Mapping[tuple[int, int], str]) -> bool:
    found = _look(path)
    same = None if found is None else seen.get((found.st_dev, found.st_ino))
    if found is None or same is None:
        return False
    return found.st_nlink == 1 or os.path.realpath(path) == os.path.realpath(same)


def _look(path: str) -> os.stat_result | None:
    """Follow a path; None when nothing is there. Raises SessionUnavailable."""
    try:
        return os.stat(path)  # noqa: PTH116 (there are many)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise SessionUnavailable(f"{path} cannot be looked at: {error}") from error


def _name(file: FileEntry) -> str:
    return file.path.rpartition("/")[2]
