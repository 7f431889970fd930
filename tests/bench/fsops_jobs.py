"""Running jobs of post-processing in this process and timing their steps."""

from __future__ import annotations

import itertools
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from revaer.fsops.archives import output
from revaer.fsops.disk import Disk, StrPath
from revaer.fsops.outfit import node_tools
from revaer.fsops.policy import Paths, Policy
from revaer.fsops.runner import run_job
from revaer.fsops.tools import ToolBox
from revaer.fsops.types import Job, SourceFile, StepName
from revaer.selection import evaluate
from revaer.types import TorrentId
from tests.bench.fsops_payloads import Tree
from tests.bench.fsops_rounds import Sample, cpu_now


class CarelessDisk(Disk):
    """A disk that makes nothing durable, to tell what being durable costs."""

    def start_writing(self, descriptor: int, offset: int, count: int) -> None:
        """Do nothing; so do the others."""

    def sync(self, descriptor: int) -> None: ...

    def sync_path(self, path: StrPath, *, directory: bool) -> None: ...

    def sync_volume(self, directory: Path) -> None: ...


MANY = 100


@dataclass
class Bench:
    """Runs jobs, each into a library of its own below `folder`."""

    folder: Path
    _tools: ToolBox = field(default_factory=ToolBox)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def fresh(self) -> Path:
        """Make an empty directory."""
        path = self.folder / f"library-{next(self._numbers)}"
        path.mkdir(parents=True)
        return path

    def tidy(self, tree: Tree) -> None:
        """Delete the results of a large tree. Small files stay to the end: deleting them slows down what follows."""
        if len(tree.files) < MANY:
            shutil.rmtree(self.folder)

    def step(
        self, step: StepName, tree: Tree, policy: Policy, *, durable: bool, single: SourceFile | None = None
    ) -> Sample:
        """Run a job and return what one of its steps took, the writing of its record included.

        Args:
            step: the step.
            tree: the torrent's files.
            policy: how.
            durable: whether anything is made durable.
            single: the only file, when the torrent has no directory of its own.
        """
        with nullcontext() if durable else careless_archives():
            return self._step(step, tree, policy, durable=durable, single=single)

    def _step(self, step: StepName, tree: Tree, policy: Policy, *, durable: bool, single: SourceFile | None) -> Sample:
        library, cpu = self.fresh(), dict[float, float]()

        def wall() -> float:
            now = time.time()
            cpu[now] = cpu_now()
            return now

        tools = node_tools(self._tools, evaluate)
        tools = replace(tools, disk=Disk() if durable else CarelessDisk(), wall=wall)
        files = tree.files if single is None else (single,)
        job = Job(TorrentId(str(uuid.uuid4())), "entry", tree.root, files, multi_file=single is None)
        report = run_job(job, replace(policy, allow_paths=(tree.root,)), Paths(library), tools)
        assert report.error is None, report.error
        begun = {each.name: each.started_at for each in report.steps}
        order = list(StepName)
        one, other = begun[step], begun[order[order.index(step) + 1]]
        return Sample(other - one, cpu[other] - cpu[one])


@contextmanager
def careless_archives() -> Iterator[None]:
    """Let extraction not tell the system to write what it has."""
    names = vars(output)
    kept = names["start_writing"]
    names["start_writing"] = lambda *_: None
    try:
        yield
    finally:
        names["start_writing"] = kept
