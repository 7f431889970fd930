"""One run of one job: what its steps share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from revaer.fsops import artefact, meta, workdir
from revaer.fsops.cleanup import Dropped, sift
from revaer.fsops.digests import job_digest, policy_digest
from revaer.fsops.disk import StrPath
from revaer.fsops.layout import Item, Layout, arrange
from revaer.fsops.ownership import Ownership
from revaer.fsops.places import Places
from revaer.fsops.plan import Facts, Seen, files_digest
from revaer.fsops.policy import Paths, Policy
from revaer.fsops.ports import OnProgress, Tools
from revaer.fsops.record import Record
from revaer.fsops.types import Job, Outcome, StepName
from revaer.fsops.watch import Watch

_MANY: Final = 64
"""From so many files on, one sync of the volume takes less than one of each."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step says of itself."""

    detail: str = ""
    bytes: int = 0
    outcome: Outcome = Outcome.DONE


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """Where everything goes, and of which lists that was made: while they are the same objects it holds."""

    made_of: tuple[object, ...]
    layout: Layout
    wanted: tuple[Item, ...]
    dropped: tuple[Dropped, ...]
    digest: str


@dataclass
class Run:
    """The state of a run.

    Attributes:
        record: What is remembered; `save` makes it durable.
    """

    job: Job
    policy: Policy
    paths: Paths
    tools: Tools
    places: Places
    ownership: Ownership
    record: Record
    on_progress: OnProgress
    cancelled: Callable[[], bool]
    _arrangement: _Arrangement | None = field(default=None)

    def save(self) -> None:
        """Make the record durable. Raises OSError."""
        self.record.name = self.job.name
        meta.save(self.tools.disk, self.places.meta, self.record)

    def watch(self, step: StepName) -> Watch:
        """Return an eye on a step that begins now."""
        timeout = self.policy.limits.step_timeout
        return Watch(step, self.on_progress, self.cancelled, self.tools.monotonic, timeout)

    @property
    def layout(self) -> Layout:
        """Where everything goes. Only once the names of all files are known."""
        return self._arranged().layout

    @property
    def wanted(self) -> tuple[Item, ...]:
        """What enters the library. Only once the names of all files are known."""
        return self._arranged().wanted

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What clean-up leaves out. Only once the names of all files are known."""
        return self._arranged().dropped

    @property
    def names_known(self) -> bool:
        """Whether the names of all files are known: the source was located, archives were extracted."""
        return self.record.located is not None and self.record.extracted is not None

    def facts(self) -> Facts:
        """Return what a plan is made of."""
        known = self.names_known
        return Facts(
            self.job,
            self.policy,
            self.paths,
            self.ownership,
            self.record,
            self.layout if known else None,
            self.wanted if known else None,
            self.dropped if known else (),
            self._arranged().digest if known else None,
        )

    def same_inputs(self) -> bool:
        """Tell whether the record is of the same job under the same policy."""
        mine = (job_digest(self.job), policy_digest(self.policy))
        return (self.record.job_digest, self.record.policy_digest) == mine

    def look(self) -> Seen:
        """Look at the work directory, and at the entry that is to be replaced. Raises OSError."""
        old = self.record.replaces
        stock = None if old is None else artefact.entries_of(self.places.library, old.artifact)
        return workdir.look(self.places, stock)

    def sync(self, files: Collection[StrPath], directories: Collection[StrPath]) -> None:
        """Return when some files and the names in some directories are durable. Raises OSError."""
        disk = self.tools.disk
        if len(files) + len(directories) > _MANY:
            disk.sync_volume(self.places.work)
            return
        for path in files:
            disk.sync_path(path, directory=False)
        for path in sorted(map(str, directories)):
            disk.sync_path(path, directory=True)

    def _arranged(self) -> _Arrangement:
        record = self.record
        located, extracted, repaired = record.located, record.extracted, record.repaired
        assert located is not None, "the source is located before anything is arranged"
        assert extracted is not None, "archives are extracted before anything is arranged"
        made_of = (located, extracted, repaired)
        known = self._arrangement
        if known is None or any(one is not other for one, other in zip(known.made_of, made_of, strict=True)):
            layout = arrange(self.job, located, repaired, extracted, record.consumed, flatten=self.policy.flatten)
            wanted, dropped = sift(layout, self.policy, self.tools.select)
            known = self._arrangement = _Arrangement(made_of, layout, wanted, dropped, files_digest(wanted))
        return known
