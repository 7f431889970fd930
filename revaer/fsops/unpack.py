"""The step `extract`: archives come out into a directory of their own, and what came out is looked at before use."""

from __future__ import annotations

from contextlib import suppress

from revaer.fsops import repair, tree, workdir
from revaer.fsops.errors import Cancelled, Refused
from revaer.fsops.record import Extracted
from revaer.fsops.run import Run, StepResult
from revaer.fsops.tree import Kind
from revaer.fsops.types import Extraction, Outcome
from revaer.fsops.watch import Watch


def extract(run: Run, watch: Watch) -> StepResult:
    """Extract every archive of the torrent.

    Raises:
        FsOpsError: An archive is broken, dangerous or needs a tool that is not there; nothing is left behind.
        OSError: The disk refused.
    """
    disk, into, record = run.tools.disk, run.places.extracted, run.record
    record.extracted, record.consumed = None, []
    if not run.policy.extract:
        record.extracted = []
        return StepResult("the policy does not extract", outcome=Outcome.SKIPPED)
    workdir.empty(disk, into)
    try:
        result = _call(run, watch)
        found = _inspect(run)
    except Exception:
        with suppress(OSError):
            workdir.empty(disk, into)
        raise
    finally:
        with suppress(OSError):
            repair.drop_view(run)
    record.extracted, record.consumed = found, sorted(result.consumed)
    if not result.archives:
        return StepResult("there is no archive", outcome=Outcome.SKIPPED)
    disk.sync_volume(into)
    return StepResult(f"{len(found)} files from {len(result.archives)} archives", sum(x.bytes for x in result.archives))


def _call(run: Run, watch: Watch) -> Extraction:
    located = run.record.located or []
    files = [file.path for file in located]
    try:
        result = run.tools.extractor.extract_all(
            repair.complete_view(run, watch),
            run.places.extracted,
            run.policy.limits,
            run.policy.passwords(),
            files=files,
            on_progress=watch.reach,
            cancelled=watch.should_stop,
        )
    except Cancelled:
        watch.check()
        raise
    strange = result.consumed.difference(files)
    if strange:
        raise Refused("the extractor claims to have extracted a file that is not the torrent's", path=min(strange))
    return result


def _inspect(run: Run) -> list[Extracted]:
    """List what came out; refuse what cannot enter a library, take special permission bits away."""
    found = []
    for entry in tree.walk(run.places.extracted):
        if entry.kind is Kind.OTHER:
            raise Refused("a device, socket or pipe came out of an archive", path=entry.path)
        try:
            entry.path.encode()
        except UnicodeEncodeError:
            raise Refused("a name that is no Unicode text came out of an archive", path=repr(entry.path)) from None
        if entry.kind is Kind.DIRECTORY:
            continue
        if entry.kind is Kind.FILE and entry.mode & 0o7000:
            run.tools.disk.chmod(run.places.extracted / entry.path, entry.mode & 0o777)
        found.append(Extracted(entry.path, entry.stamp, entry.mode & 0o777, entry.link))
    return found
