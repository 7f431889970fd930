"""A process that runs a job and kills itself, for real, at a chosen operation: `python -m ... ROOT MODE KIND NUMBER`.

With a number below 0 it runs to the end. What it prints is the state of the job.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from revaer.fsops.disk import Disk, StrPath
from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.ports import Pace
from revaer.fsops.types import Job, SourceFile
from tests.fsops.pipeline.faults import FaultyDisk
from tests.fsops.pipeline.world import ID, World, make_world, zipped
from tests.fsops.pipeline.zipping import ZipExtractor

POLICY = Policy(cleanup_drop=("*.nfo",), chmod_file="0604", chmod_dir="0711")
PLAIN = {f"Season/{number}.mkv": bytes([number]) * 50_000 for number in range(8)} | {"film.nfo": b"info"}
PACKED = {"a.zip": zipped(PLAIN), "b/c.zip": zipped({"c.mkv": b"c" * 100_000}), "d.txt": b"d"}


class SyncingDisk(FaultyDisk):
    """Counts operations and makes everything durable for real."""

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        Disk.sync(self, descriptor)

    def sync_path(self, path: StrPath, *, directory: bool) -> None:
        super().sync_path(path, directory=directory)
        Disk.sync_path(self, path, directory=directory)


def furnish(root: Path, kind: str) -> tuple[World, Job]:
    """Make the world of a victim."""
    world = make_world(root)
    return world, world.torrent(PACKED if kind == "packed" else PLAIN)


def run(world: World, job: Job, mode: MoveMode, number: int) -> tuple[str, int]:
    """Run the job, to its end or to the operation with a number; return how it stands and how many there were."""

    def strike(current: int, _name: str) -> None:
        if current == number:
            os.kill(os.getpid(), signal.SIGKILL)

    disk = SyncingDisk(strike)
    struck = replace(world, disk=disk, extractor=ZipExtractor(disk), pace=Pace(files=2, bytes=1 << 16))
    report = struck.run(job, replace(POLICY, move_mode=mode))
    return f"{report.state}: {report.error}", disk.count


def main(root: str, mode: str, kind: str, number: str) -> None:
    """Run in a process of its own."""
    world = World(Path(root), Path(root) / "downloads", Path(root) / "library", Disk(), ZipExtractor(Disk()))
    files = PACKED if kind == "packed" else PLAIN
    listed = tuple(SourceFile(path, len(content)) for path, content in files.items())
    job = Job(ID, "Show", world.downloads / "Show", listed, multi_file=True)
    print(run(world, job, MoveMode(mode), int(number))[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
