"""A download with archives, a place to extract them to, and a world around that must not change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from revaer.fsops.archives.extract import extract_all
from revaer.fsops.errors import FsOpsError
from revaer.fsops.tools import ToolBox
from revaer.fsops.types import Extraction, Limits
from tests.support.tree_snapshot import Snapshot, snapshot

GENEROUS = Limits(max_ratio=1_000_000)


class Bench:
    """Extracts archives from `root` to `into`. Everything else below `world` is watched."""

    def __init__(self, world: Path) -> None:
        self.world = world
        self.root = world / "download"
        self.into = world / "work" / "extracted"
        self.programs = world / "programs"
        self.root.mkdir()
        self.into.parent.mkdir()
        self.programs.mkdir()
        (world / "evil").write_bytes(b"not to be touched")
        (world / "work" / "evil").write_bytes(b"not to be touched")
        self.progress: list[int] = []
        self.before: Snapshot | None = None

    def put(self, name: str, content: bytes) -> Path:
        """Have a file in the download."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def program(self, name: str, script: str) -> Path:
        """Have a tool that is a shell script."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def extract(
        self,
        *files: str,
        limits: Limits = GENEROUS,
        passwords: Sequence[str] = (),
        tools: ToolBox | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        reserve: int = 0,
    ) -> Extraction:
        """Extract these files, or all."""
        self.before = self.before or self._around()
        return extract_all(
            self.root,
            self.into,
            limits,
            passwords,
            tools or ToolBox([self.programs]),
            on_progress=self.progress.append,
            cancelled=cancelled,
            files=files or None,
            reserve=reserve,
        )

    def refused(
        self,
        kind: type[FsOpsError],
        *files: str,
        limits: Limits = GENEROUS,
        passwords: Sequence[str] = (),
        tools: ToolBox | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        reserve: int = 0,
    ) -> FsOpsError:
        """Extract, expect this error, and see that nothing is left."""
        with pytest.raises(kind) as caught:
            self.extract(*files, limits=limits, passwords=passwords, tools=tools, cancelled=cancelled, reserve=reserve)
        assert not self.into.exists()
        return caught.value

    def content(self) -> dict[str, bytes]:
        """The files that came out; links are their targets behind an arrow."""
        found = {}
        for folder, directories, files in os.walk(self.into):
            for name in (*directories, *files):
                path = Path(folder) / name
                inner = str(path.relative_to(self.into))
                if path.is_symlink():
                    found[inner] = b"-> " + os.fsencode(path.readlink())
                elif path.is_file():
                    found[inner] = path.read_bytes()
        return found

    def check_around(self) -> None:
        """Fail when anything outside changed."""
        assert self.before is None or self._around() == self.before

    def _around(self) -> Snapshot:
        return snapshot(self.world, without=self.into)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A download and a place to extract to; afterwards nothing outside may have changed, and no process may be left."""
    made = Bench(tmp_path)
    before = set(psutil.Process().children(recursive=True))
    yield made
    made.check_around()
    assert set(psutil.Process().children(recursive=True)) <= before
