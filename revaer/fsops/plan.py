"""What is to be done, decided without touching anything: pure functions of the job, the policy, the record of earlier
runs and what was seen on the disk.

Each step has a digest of its inputs. A step is left out when the record has it with the same digest and what it made
is still there. Inputs of later steps that an earlier step must first bring forth are unknown; their digest is None.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from revaer.fsops.cleanup import Dropped
from revaer.fsops.digests import digest, job_digest, policy_digest
from revaer.fsops.layout import Item, Layout
from revaer.fsops.ownership import Ownership
from revaer.fsops.policy import MoveMode, Par2Mode, Paths, Policy
from revaer.fsops.record import Extracted, Hashed, Located, Origin, Placed, Record, Stamp
from revaer.fsops.tree import Entry
from revaer.fsops.types import Job, Outcome, StepName

_LINKING = frozenset({MoveMode.HARDLINK, MoveMode.MOVE})


class Action(enum.StrEnum):
    """What a run does with a step."""

    RUN = "run"
    SKIP = "skip"
    DEPENDS = "depends"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with the digest of its inputs, what a run does with it, and why."""

    name: StepName
    digest: str | None
    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen on the disk: the work directory, and a published entry that is to be replaced, by path."""

    work: bool = False
    tree: Mapping[str, Entry] = field(default_factory=dict)
    extracted: Mapping[str, Entry] = field(default_factory=dict)
    repaired: Mapping[str, Entry] = field(default_factory=dict)
    shelf: Mapping[str, Entry] = field(default_factory=dict)
    stock: Mapping[str, Entry] = field(default_factory=dict)

    def stamps(self) -> frozenset[Stamp]:
        """Return the stamps of all files seen, wherever they lie."""
        every = (self.tree, self.extracted, self.repaired, self.shelf, self.stock)
        return frozenset(entry.stamp for entries in every for entry in entries.values())


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a plan is made of. What depends on the names of all files is None until they are known."""

    job: Job
    policy: Policy
    paths: Paths
    ownership: Ownership
    record: Record
    layout: Layout | None = None
    wanted: tuple[Item, ...] | None = None
    dropped: tuple[Dropped, ...] = ()
    files_digest: str | None = None


def prune(record: Record, seen: Seen) -> None:
    """Take out of a record what no longer holds, so that the steps that made it run again."""
    if not seen.work:
        record.steps.pop(StepName.PREPARE_WORK_DIR, None)
    record.placed = {path: each for path, each in record.placed.items() if _is(seen.tree.get(path), each.stamp)}
    record.hashes = {path: each for path, each in record.hashes.items() if _hash_holds(record.placed.get(path), each)}
    stamps = seen.stamps() | {each.was for each in _in_use(record, seen)}
    if record.extracted is not None and not _all_there(record.extracted, stamps):
        record.extracted, record.consumed = None, []
        record.steps.pop(StepName.EXTRACT, None)
    if not _all_there(record.repaired.values(), stamps):
        record.repaired = {}
        record.steps.pop(StepName.VERIFY_PAR2, None)


def _in_use(record: Record, seen: Seen) -> Iterable[Placed]:
    """Return the files of the new tree, and of the entry that it replaces, that are as they were made."""
    old = {} if record.replaces is None else record.replaces.placed
    return (*record.placed.values(), *(each for path, each in old.items() if _is(seen.stock.get(path), each.stamp)))


def acceptable(placed: Placed, item: Item, policy: Policy, ownership: Ownership) -> bool:
    """Tell whether a file that was made for the new tree is what the policy would put there."""
    if (placed.origin, placed.path, placed.was) != (item.origin, item.path, item.stamp):
        return False
    if item.origin is not Origin.SOURCE:
        return True
    linking = policy.move_mode in _LINKING
    if placed.private:
        return linking and needs_own_inode(item, ownership)
    fallback = policy.link_fallback == "copy"
    match placed.how:
        case "link":
            return linking
        case "copy in place of a link":
            return linking and (fallback or policy.move_mode is MoveMode.MOVE)
        case "clone":
            return policy.move_mode is MoveMode.REFLINK
        case "copy in place of a clone":
            return policy.move_mode is MoveMode.REFLINK and fallback
        case _:
            return policy.move_mode is MoveMode.COPY


def needs_own_inode(item: Item, ownership: Ownership) -> bool:
    """Tell whether the permissions wanted differ from those of the file from which it would be linked."""
    return (
        ownership.file_target(item.mode, fresh=False) != item.mode
        or ownership.uid not in (-1, item.uid)
        or ownership.gid not in (-1, item.gid)
    )


def step_digest(step: StepName, facts: Facts) -> str | None:
    """Return the digest of a step's inputs; None while they are not known."""
    early = _early_digest(step, facts)
    if early is not None or facts.wanted is None or facts.layout is None:
        return early
    policy, layout, record = facts.policy, facts.layout, facts.record
    files = facts.files_digest or files_digest(facts.wanted)
    match step:
        case StepName.FLATTEN:
            targets = [(item.target, item.path) for item in layout.items]
            return digest(step, policy.flatten, layout.entry, layout.directory, targets)
        case StepName.TRANSFER:
            return digest(step, policy.move_mode, policy.link_fallback, files)
        case StepName.SET_PERMISSIONS:
            owner = facts.ownership
            return digest(step, owner.file_mode, owner.dir_mode, owner.umask, owner.uid, owner.gid, files)
        case StepName.CLEANUP:
            return digest(step, policy.cleanup_keep, policy.cleanup_drop, files)
        case StepName.CHECKSUM:
            return digest(step, files)
        case StepName.PUBLISH:
            hashes = [(path, each.sha256) for path, each in sorted(record.hashes.items())]
            return digest(step, layout.entry, layout.directory, files, hashes)
        case StepName.FINALISE:
            return None if record.artifact is None else digest(step, record.artifact.manifest, policy.move_mode)
        case _:
            return None


def files_digest(wanted: Iterable[Item]) -> str:
    """Return the digest of what enters the library, which is a part of the inputs of many steps."""
    return digest([(item.target, item.origin, item.path, item.stamp) for item in wanted])


def _early_digest(step: StepName, facts: Facts) -> str | None:
    """Return the digest of a step before the names of all files need to be known."""
    job, policy, record = facts.job, facts.policy, facts.record
    located = record.located
    match step:
        case StepName.VALIDATE_POLICY:
            return digest(step, policy_digest(policy))
        case StepName.ALLOWLIST:
            roots = [str(each) for each in (*facts.paths.download_roots, *policy.allow_paths)]
            return digest(step, job_digest(job), str(facts.paths.library_root), roots)
        case StepName.LOCATE_SOURCE:
            return digest(step, job_digest(job))
        case StepName.VERIFY_PAR2:
            return (
                None if located is None else digest(step, policy.par2, located if policy.par2 != Par2Mode.OFF else [])
            )
        case StepName.PREPARE_WORK_DIR:
            return digest(step, job.torrent_id)
        case StepName.EXTRACT if located is not None:
            if not policy.extract:
                return digest(step, False)
            limits = policy.limits
            bounds = (limits.max_extracted_bytes, limits.max_ratio, limits.max_files, limits.max_depth)
            return digest(
                step, _stamps(located), sorted((path, each.stamp) for path, each in record.repaired.items()), bounds
            )
        case _:
            return None


def _stamps(located: Iterable[Located]) -> list[tuple[str, Stamp]]:
    return [(each.path, each.stamp) for each in located]


def decide(step: StepName, value: str | None, record: Record) -> tuple[Action, str]:
    """Decide whether a step is to run, given the digest of its inputs, and say why."""
    if value is None:
        return Action.DEPENDS, "its inputs are not known before an earlier step ran"
    before = record.steps.get(step)
    if before is None or before.outcome is Outcome.FAILED:
        return Action.RUN, "it has not been done" if before is None else "it failed"
    if before.digest != value:
        return Action.RUN, "its inputs changed"
    return Action.SKIP, "it is done and still holds"


def plan(facts: Facts) -> tuple[PlannedStep, ...]:
    """Plan every step. What follows a step that must run is planned as far as it is known."""
    steps: list[PlannedStep] = []
    for step in StepName:
        value = step_digest(step, facts)
        action, reason = decide(step, value, facts.record)
        steps.append(PlannedStep(step, value, action, reason))
    return tuple(steps)


def _all_there(files: Iterable[Extracted], stamps: frozenset[Stamp]) -> bool:
    return all(each.stamp in stamps for each in files)


def _is(entry: Entry | None, stamp: Stamp) -> bool:
    return entry is not None and entry.stamp == stamp


def _hash_holds(placed: Placed | None, hashed: Hashed) -> bool:
    return placed is not None and placed.stamp == hashed.stamp
