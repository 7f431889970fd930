"""A library, a download directory and jobs between them; everything real but the archive formats."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from revaer.fsops.disk import Disk
from revaer.fsops.policy import Paths, Policy
from revaer.fsops.ports import OnProgress, Pace, Par2, Tools
from revaer.fsops.report import Report
from revaer.fsops.runner import run_job
from revaer.fsops.types import Job, SourceFile
from revaer.selection import evaluate
from revaer.types import TorrentId
from tests.fsops.pipeline.zipping import ZipExtractor

ID = TorrentId("01900000-0000-7000-8000-000000000001")
OTHER_ID = TorrentId("01900000-0000-7000-8000-000000000002")
LONG_AGO = 1_600_000_000_123_456_789


@dataclass(frozen=True)
class Seen:
    """One entry of a tree, for comparison."""

    kind: str
    mode: int
    content: str
    owner: tuple[int, int]
    inode: int
    mtime: int


def look_at(root: Path) -> dict[str, Seen]:
    """Describe everything in a tree, its root included; links are not followed."""
    found = {"": _seen(root)} if os.path.lexists(root) else {}
    if root.is_dir() and not root.is_symlink():
        for folder, directories, files in os.walk(root):
            for name in directories + files:
                path = Path(folder, name)
                found[str(path.relative_to(root))] = _seen(path)
    return found


def _seen(path: Path) -> Seen:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)  # noqa: PTH115 - Path would tidy the target up
    else:
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
    kind = stat.filemode(status.st_mode)[0]
    owner = (status.st_uid, status.st_gid)
    mtime = 0 if kind == "d" else status.st_mtime_ns
    return Seen(kind, stat.S_IMODE(status.st_mode), content, owner, status.st_ino, mtime)


def shape_of(root: Path, origin: Path) -> dict[str, tuple[object, ...]]:
    """Describe a tree by what must be equal after any history: kind, mode, content, and which file of `origin` a
    file shares its inode with."""
    names = {each.inode: path for path, each in look_at(origin).items() if each.kind == "-"}
    return {
        path: (each.kind, each.mode, each.content, names.get(each.inode) if each.kind == "-" else None)
        for path, each in look_at(root).items()
    }


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Make a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


@dataclass
class World:
    """Everything that a job touches, below one directory."""

    root: Path
    downloads: Path
    library: Path
    disk: Disk
    extractor: ZipExtractor
    par2: Par2 | None = None
    pace: Pace = field(default_factory=Pace)

    @property
    def tools(self) -> Tools:
        return Tools(self.extractor, self.par2, evaluate, self.disk, self.pace)

    @property
    def paths(self) -> Paths:
        return Paths(self.library, (self.downloads,))

    @property
    def ours(self) -> Path:
        return self.library / ".revaer"

    @property
    def work(self) -> Path:
        return self.ours / "work" / ID

    @property
    def meta(self) -> Path:
        return self.ours / f"{ID}.revaer.meta"

    def torrent(self, files: Mapping[str, bytes], *, name: str = "Show", torrent_id: TorrentId = ID) -> Job:
        """Put a torrent of several files into the download directory."""
        root = self.downloads / name
        for path, content in files.items():
            self._write(root / path, content)
        listed = tuple(SourceFile(path, len(content)) for path, content in files.items())
        return Job(torrent_id, name, root, listed, multi_file=True)

    def single(self, name: str, content: bytes, *, torrent_id: TorrentId = ID) -> Job:
        """Put a torrent of one file into the download directory."""
        self._write(self.downloads / name, content)
        return Job(torrent_id, name, self.downloads, (SourceFile(name, len(content)),), multi_file=False)

    def run(
        self,
        job: Job,
        policy: Policy | None = None,
        *,
        on_progress: OnProgress = lambda _step, _done, _total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Report:
        """Run a job."""
        chosen = replace(policy or Policy(), allow_paths=())
        return run_job(job, chosen, self.paths, self.tools, on_progress=on_progress, cancelled=cancelled)

    def with_disk(self, disk: Disk) -> World:
        """The same world, seen through another disk."""
        return replace(self, disk=disk, extractor=ZipExtractor(disk))

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o640)
        os.utime(path, ns=(LONG_AGO, LONG_AGO))


def make_world(root: Path, *, library: Path | None = None) -> World:
    """Make empty directories and what runs between them."""
    downloads = root / "downloads"
    library = library or root / "library"
    downloads.mkdir(parents=True)
    library.mkdir(parents=True, exist_ok=True)
    disk = Disk()
    return World(root, downloads, library, disk, ZipExtractor(disk))
