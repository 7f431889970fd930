"""A small real extractor of zip files that writes through the disk port, so that faults reach it too."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from revaer.fsops.disk import Disk
from revaer.fsops.errors import Cancelled, Refused
from revaer.fsops.types import ExtractedArchive, Extraction, Limits


class ZipExtractor:
    """Extracts zip files that hold plain files."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.calls: list[Path] = []
        self.seen: list[tuple[str, ...]] = []

    def extract_all(
        self,
        root: Path,
        into: Path,
        limits: Limits,
        passwords: Sequence[str],
        *,
        files: Sequence[str],
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> Extraction:
        self.calls.append(root)
        self.seen.append(tuple(files))
        archives = []
        for path in files:
            if path.endswith(".zip"):
                archives.append(self._extract(root / path, path, into, limits, on_progress, cancelled))
        return Extraction(tuple(archives), frozenset(each.path for each in archives))

    def _extract(
        self,
        archive: Path,
        name: str,
        into: Path,
        limits: Limits,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> ExtractedArchive:
        try:
            opened = zipfile.ZipFile(archive)
        except zipfile.BadZipFile:
            raise Refused("the archive is broken", path=name) from None
        total = 0
        with opened as stream:
            members = [each for each in stream.infolist() if not each.is_dir()]
            if len(members) > limits.max_files:
                raise Refused("the archive has too many files", path=name)
            for member in members:
                if cancelled():
                    raise Cancelled
                parent = Path(name).parent
                self._directories(into, parent / Path(member.filename).parent)
                self._write(into / parent / member.filename, stream.read(member))
                total += member.file_size
                on_progress(total)
        return ExtractedArchive(name, len(members), len(members), total)

    def _directories(self, into: Path, relative: Path) -> None:
        for above in [*reversed(relative.parents), relative]:
            if not (into / above).is_dir():
                self.disk.mkdir(into / above)

    def _write(self, path: Path, content: bytes) -> None:
        descriptor = self.disk.create(path, 0o644)
        try:
            self.disk.write(descriptor, content)
        finally:
            self.disk.close(descriptor)
