"""The step `verify_par2`: verifies PAR2 sets, and repairs copies of what is damaged. Originals are only read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from revaer.fsops import tree, workdir
from revaer.fsops.copying import copy_file, discard
from revaer.fsops.errors import Cancelled, Refused
from revaer.fsops.policy import Par2Mode
from revaer.fsops.ports import Par2, Par2Set
from revaer.fsops.record import Extracted, Located
from revaer.fsops.room import check_room
from revaer.fsops.run import Run, StepResult
from revaer.fsops.types import Outcome
from revaer.fsops.watch import Watch


def verify_par2(run: Run, watch: Watch) -> StepResult:
    """Verify, and with the policy `repair` repair copies in the work directory.

    Raises:
        Refused: Something is damaged and is not or cannot be repaired, or the tool is not there.
        FsOpsError: The tool failed.
        OSError: The disk refused.
    """
    run.record.repaired = {}
    located = {file.path: file for file in run.record.located or ()}
    if run.policy.par2 is Par2Mode.OFF:
        return StepResult("the policy does not use PAR2", outcome=Outcome.SKIPPED)
    if not any(path.lower().endswith(".par2") for path in located):
        return StepResult("the torrent has no PAR2 files", outcome=Outcome.SKIPPED)
    tool = run.tools.par2
    if tool is None:
        raise Refused("the tool par2 is not there; install the package par2")
    sets = _ask(tool, run, watch, sorted(located))
    damaged = [each for each in sets if each.damaged]
    if not damaged:
        absent = sum(len(each.missing) for each in sets)
        more = f", {absent} of its files are not among those of the torrent that were selected" if absent else ""
        return StepResult(f"{len(sets)} sets verified, nothing is damaged{more}", watch.done)
    if run.policy.par2 is Par2Mode.VERIFY:
        raise Refused("PAR2 finds the file damaged, and the policy does not repair", path=damaged[0].damaged[0])
    repaired = _repair_all(tool, run, watch, damaged, located)
    return StepResult(f"{len(sets)} sets verified, {repaired} files repaired as copies", watch.done)


def _ask(tool: Par2, run: Run, watch: Watch, files: Sequence[str]) -> tuple[Par2Set, ...]:
    try:
        return tool.verify(
            run.job.source_root, files, timeout=watch.remaining, on_progress=watch.reach, cancelled=watch.should_stop
        )
    except Cancelled:
        watch.check()
        raise


def _repair_all(tool: Par2, run: Run, watch: Watch, damaged: list[Par2Set], located: dict[str, Located]) -> int:
    disk, places = run.tools.disk, run.places
    workdir.prepare(disk, places)
    workdir.empty(disk, places.repaired)
    repaired: dict[str, Extracted] = {}
    for each in damaged:
        disk.remove_tree(places.recovery)
        try:
            tool.repair(
                run.job.source_root,
                places.recovery,
                each,
                sorted(located),
                timeout=watch.remaining,
                on_progress=watch.reach,
                cancelled=watch.should_stop,
            )
        except Cancelled:
            watch.check()
            raise
        for path, entry in tree.snapshot(places.recovery).items():
            if entry.kind is tree.Kind.FILE and path in located:
                workdir.make_parents(disk, places.repaired, path)
                disk.rename(places.recovery / path, places.repaired / path)
                repaired[path] = Extracted(path, entry.stamp, located[path].mode & 0o777)
        disk.remove_tree(places.recovery)
    left = sorted({path for each in damaged for path in each.damaged} - repaired.keys())
    if left:
        raise Refused("the file is damaged and was not repaired by PAR2", path=left[0])
    disk.sync_volume(places.repaired)
    run.record.repaired = repaired
    return len(repaired)


def complete_view(run: Run, watch: Watch) -> Path:
    """Return a directory with all files of the torrent, repaired ones in the place of damaged ones.

    Without repaired files that is the source. Otherwise the others are linked or copied beside them; `drop_view` takes
    them away. Raises FsOpsError and OSError.
    """
    repaired = run.record.repaired
    if not repaired:
        return run.job.source_root
    disk, root = run.tools.disk, run.places.repaired
    others = [file for file in run.record.located or () if file.path not in repaired]
    is_room_known = False
    for number, file in enumerate(others):
        target = root / file.path
        discard(disk, target)
        workdir.make_parents(disk, root, file.path)
        try:
            disk.link(run.job.source_root / file.path, target)
        except OSError:
            if not is_room_known:
                check_room(run, sum(each.stamp.size for each in others[number:]))
                is_room_known = True
            copy_file(disk, run.job.source_root / file.path, file.stamp, target, file.mode, watch)
    return root


def drop_view(run: Run) -> None:
    """Take away what `complete_view` put beside the repaired files. Raises OSError."""
    if not run.record.repaired:
        return
    for path, entry in tree.snapshot(run.places.repaired).items():
        if entry.kind is not tree.Kind.DIRECTORY and path not in run.record.repaired:
            run.tools.disk.unlink(run.places.repaired / path)
