"""The steps by name: what each does, and whether what it did before still holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Final

from revaer.fsops import locate, publish, tree, workdir
from revaer.fsops.checksum import hash_files
from revaer.fsops.errors import Transient
from revaer.fsops.finalise import finalise
from revaer.fsops.ownership import check_patterns, resolve_ownership
from revaer.fsops.permissions import permissions_hold, set_permissions
from revaer.fsops.plan import acceptable
from revaer.fsops.record import Hashed, Stamp
from revaer.fsops.repair import verify_par2
from revaer.fsops.run import Run, StepResult
from revaer.fsops.transfer import transfer
from revaer.fsops.tree import Kind
from revaer.fsops.types import Outcome, StepName
from revaer.fsops.unpack import extract
from revaer.fsops.watch import Watch

_NAMED: Final = 3
"""How many files a detail names."""


def perform(step: StepName, run: Run, watch: Watch) -> StepResult:
    """Perform one step. Raises FsOpsError and OSError; the record holds what it did so far."""
    return _STEPS[step](run, watch)


def holds(step: StepName, run: Run) -> bool:
    """Tell whether what a step did before is still there. Changes nothing. Raises OSError."""
    match step:
        case StepName.TRANSFER:
            return _is_exact(run)
        case StepName.SET_PERMISSIONS:
            return permissions_hold(run, tree.snapshot(run.places.tree))
        case StepName.CHECKSUM:
            return not _unhashed(run)
        case StepName.PUBLISH:
            return run.record.artifact is not None
        case StepName.LOCATE_SOURCE | StepName.FINALISE:
            return False
        case _:
            return True


def _validate_policy(run: Run, watch: Watch) -> StepResult:
    watch.check()
    check_patterns(run.policy, run.tools.select)
    run.ownership = resolve_ownership(run.policy)
    return StepResult()


def _allowlist(run: Run, watch: Watch) -> StepResult:
    watch.check()
    locate.check_allowed(run.job, run.places.library, (*run.paths.download_roots, *run.policy.allow_paths))
    return StepResult()


def _locate(run: Run, watch: Watch) -> StepResult:
    """Find the files; where an entry is replaced they may be gone, and what it consists of is used."""
    record = run.record
    try:
        found = locate.locate(run.job, watch)
    except Transient:
        known = None if record.located is None else sorted((file.path, file.stamp.size) for file in record.located)
        if record.replaces is None or known != sorted((file.path, file.size) for file in run.job.files):
            raise
        return StepResult("the source is gone; the published entry is used", outcome=Outcome.SKIPPED)
    if found != record.located:
        record.located = found
    return StepResult(f"{len(found)} files", sum(file.stamp.size for file in found))


def _prepare(run: Run, watch: Watch) -> StepResult:
    watch.check()
    workdir.prepare(run.tools.disk, run.places)
    return StepResult()


def _flatten(run: Run, watch: Watch) -> StepResult:
    watch.check()
    layout = run.layout
    publish.check_free(run, watch)
    words = [f"{layout.flattened} directories taken away"] if layout.flattened else []
    words += [f"{layout.renamed} extracted files got a number, as their names were taken"] if layout.renamed else []
    words.append(f"the entry is {layout.entry}")
    done = run.policy.flatten or layout.renamed > 0
    return StepResult(", ".join(words), outcome=Outcome.DONE if done else Outcome.SKIPPED)


def _cleanup(run: Run, watch: Watch) -> StepResult:
    """Check that the new tree holds what the patterns leave, and nothing else."""
    watch.check()
    if not _is_exact(run):
        raise Transient("the work directory was changed by somebody else", path=str(run.places.tree))
    dropped = run.dropped
    if not dropped:
        return StepResult("nothing is left out", outcome=Outcome.SKIPPED)
    names = ", ".join(f"{each.item.target} ({each.rule})" for each in dropped[:_NAMED])
    more = f" and {len(dropped) - _NAMED} more" if len(dropped) > _NAMED else ""
    return StepResult(f"{len(dropped)} files left out: {names}{more}", sum(each.item.stamp.size for each in dropped))


def _checksum(run: Run, watch: Watch) -> StepResult:
    record = run.record
    wanted = [item.target for item in run.wanted if item.link is None]
    known = _by_stamp(record.hashes) | ({} if record.replaces is None else _by_stamp(record.replaces.hashes))
    record.hashes = {
        target: Hashed(stamp, known[stamp]) for target in wanted if (stamp := record.placed[target].stamp) in known
    }
    todo = _unhashed(run)
    alone = {target: stamp for stamp, target in {stamp: target for target, stamp in todo.items()}.items()}
    watch.expect(sum(stamp.size for stamp in alone.values()))
    fresh_files = fresh_bytes = 0
    with closing(hash_files(run.tools.disk, run.places.tree, alone, watch.advance)) as found:
        for target, hashed in found:
            record.hashes[target] = hashed
            fresh_files, fresh_bytes = fresh_files + 1, fresh_bytes + hashed.stamp.size
            if fresh_files >= run.tools.pace.files or fresh_bytes >= run.tools.pace.bytes:
                run.save()
                fresh_files = fresh_bytes = 0
    known = _by_stamp(record.hashes)
    record.hashes |= {target: Hashed(stamp, known[stamp]) for target, stamp in todo.items()}
    return StepResult(f"{len(alone)} of {len(wanted)} files hashed", watch.done)


def _by_stamp(hashes: Mapping[str, Hashed]) -> dict[Stamp, str]:
    return {each.stamp: each.sha256 for each in hashes.values()}


def _unhashed(run: Run) -> dict[str, Stamp]:
    hashes, placed = run.record.hashes, run.record.placed
    return {
        item.target: placed[item.target].stamp
        for item in run.wanted
        if item.link is None and (item.target not in hashes or hashes[item.target].stamp != placed[item.target].stamp)
    }


def _is_exact(run: Run) -> bool:
    """Tell whether the new tree consists of what is wanted and of nothing else."""
    wanted = {item.target: item for item in run.wanted}
    entries = tree.snapshot(run.places.tree)
    placed = run.record.placed
    if entries.keys() - tree.directories_of(wanted) != wanted.keys():
        return False
    return placed.keys() == wanted.keys() and all(
        entries[path].kind is not Kind.DIRECTORY
        and entries[path].stamp == placed[path].stamp
        and acceptable(placed[path], item, run.policy, run.ownership)
        for path, item in wanted.items()
    )


_STEPS: Final[Mapping[StepName, Callable[[Run, Watch], StepResult]]] = {
    StepName.VALIDATE_POLICY: _validate_policy,
    StepName.ALLOWLIST: _allowlist,
    StepName.LOCATE_SOURCE: _locate,
    StepName.VERIFY_PAR2: verify_par2,
    StepName.PREPARE_WORK_DIR: _prepare,
    StepName.EXTRACT: extract,
    StepName.FLATTEN: _flatten,
    StepName.TRANSFER: transfer,
    StepName.SET_PERMISSIONS: set_permissions,
    StepName.CLEANUP: _cleanup,
    StepName.CHECKSUM: _checksum,
    StepName.PUBLISH: publish.publish,
    StepName.FINALISE: finalise,
}
