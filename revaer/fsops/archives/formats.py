"""Which way an archive is extracted: by the standard library, by reading it here, or by a tool."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from revaer.fsops.archives.detect import ArchiveSet, Kind
from revaer.fsops.archives.errors import BadArchive
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.quarantine import Quarantine
from revaer.fsops.archives.rar_tools import extract_by_tool, plain_names
from revaer.fsops.archives.rars import extract_stored, read_listing
from revaer.fsops.archives.sevenzip import check_complete, extract_by_sevenzip
from revaer.fsops.archives.sources import Source
from revaer.fsops.archives.staging import Staging
from revaer.fsops.archives.tars import extract_tar
from revaer.fsops.archives.volumes import Naming
from revaer.fsops.archives.zips import NeedsTool, extract_zip
from revaer.fsops.tools import ToolBox, ToolName


@dataclass(frozen=True, slots=True)
class Formats:
    """What extraction may use: the passwords, and the tools."""

    passwords: Sequence[str]
    tools: ToolBox


@dataclass(frozen=True, slots=True)
class Counted:
    """How many members and files came out of an archive."""

    members: int
    files: int


def extract_set(formats: Formats, root: Path, found: ArchiveSet, stage: Path, guard: Guard) -> Counted:
    """Extract one archive.

    Args:
        formats: What may be used.
        root: The directory to which the volumes' paths are relative.
        found: The archive.
        stage: An empty directory; the content is in `out` within it afterwards.
        guard: The budget.

    Raises:
        FsOpsError: as `extract_all`, not always with the archive's path.
        OSError: the disk refuses.
    """
    if found.missing:
        raise BadArchive(f"volumes are missing: {', '.join(found.missing)}")
    match found.kind:
        case Kind.UNKNOWN:
            raise BadArchive("it is damaged or no archive, whatever its name says")
        case Kind.RAR4 | Kind.RAR5:
            return _rar(formats, root, found, stage, guard)
        case Kind.SEVENZIP:
            with Source(root, found.volumes) as source:
                check_complete(source)
            return _sevenzip(formats, root, found, stage, guard)
        case Kind.ZIP:
            return _zip(formats, root, found, stage, guard)
        case _:
            with Source(root, found.volumes) as source:
                staging = _staging(stage, guard)
                extract_tar(found.kind, source, staging, guard)
            return Counted(staging.members, staging.files)


def _zip(formats: Formats, root: Path, found: ArchiveSet, stage: Path, guard: Guard) -> Counted:
    if found.naming is not Naming.SPANNED:
        with Source(root, found.volumes) as source:
            staging = _staging(stage, guard)
            try:
                extract_zip(source, staging, guard)
            except NeedsTool:
                staging.root.rmdir()
            else:
                return Counted(staging.members, staging.files)
    return _sevenzip(formats, root, found, stage, guard)


def _sevenzip(formats: Formats, root: Path, found: ArchiveSet, stage: Path, guard: Guard) -> Counted:
    tool = formats.tools.require(ToolName.SEVENZIP)
    ending = "zip" if found.kind is Kind.ZIP else "7z"
    volumes = {f"archive.{ending}": found.first}
    if found.naming is Naming.SPANNED:
        volumes |= {f"archive.z{number:02}": path for number, path in enumerate(found.volumes[:-1], 1)}
    elif len(found.volumes) > 1:
        volumes = {f"archive.{ending}.{number:03}": path for number, path in enumerate(found.volumes, 1)}
    quarantine = Quarantine(stage, root, volumes, guard)
    inspection = extract_by_sevenzip(tool, next(iter(volumes)), quarantine, formats.passwords, guard)
    return Counted(inspection.members, len(inspection.files))


def _rar(formats: Formats, root: Path, found: ArchiveSet, stage: Path, guard: Guard) -> Counted:
    listing = read_listing(root, found)
    if listing.plain:
        with ExitStack() as stack:
            volumes = [stack.enter_context(Source(root, [volume])) for volume in found.volumes]
            staging = _staging(stage, guard)
            extract_stored(listing, volumes, staging)
        return Counted(staging.members, staging.files)
    tool = formats.tools.require(ToolName.RAR)
    names = plain_names(len(found.volumes), old_naming=listing.old_naming)
    quarantine = Quarantine(stage, root, dict(zip(names, found.volumes, strict=True)), guard)
    inspection = extract_by_tool(tool, listing, names[0], quarantine, formats.passwords, guard)
    return Counted(inspection.members, len(inspection.files))


def _staging(stage: Path, guard: Guard) -> Staging:
    out = stage / "out"
    out.mkdir(mode=0o755)
    return Staging(out, guard)
