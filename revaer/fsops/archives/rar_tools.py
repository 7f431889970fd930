"""Rar archives that are compressed or encrypted, by one of the tools that know how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from revaer.fsops.archives.errors import BadArchive, PasswordRefused, UnsafeMember, shown
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.inspection import Inspection, compare, inspect_tree
from revaer.fsops.archives.names import MemberNames, member_path
from revaer.fsops.archives.quarantine import Quarantine
from revaer.fsops.archives.rars import RarListing
from revaer.fsops.archives.sevenzip import extract_by_sevenzip
from revaer.fsops.errors import FsOpsError
from revaer.fsops.processes import ToolResult, failed
from revaer.fsops.tools import ToolStatus

_WRONG_PASSWORD: Final = re.compile(
    r"password is incorrect|(?:wrong|incorrect|missing or wrong) password", re.IGNORECASE
)


def plain_names(count: int, *, old_naming: bool) -> list[str]:
    """Return names for volumes under which every tool finds the next one.

    Args:
        count: How many volumes there are.
        old_naming: Whether they say of themselves that they are named `.rar`, `.r00`.
    """
    if count == 1:
        return ["archive.rar"]
    if old_naming:
        letters = [f"archive.{chr(ord('r') + number // 100)}{number % 100:02}" for number in range(count - 1)]
        return ["archive.rar", *letters]
    return [f"archive.part{number:04}.rar" for number in range(1, count + 1)]


def extract_by_tool(
    tool: ToolStatus,
    listing: RarListing,
    archive: str,
    quarantine: Quarantine,
    passwords: Sequence[str],
    guard: Guard,
) -> Inspection:
    """Extract an archive into a quarantine and inspect what came out.

    Args:
        tool: `unrar`, `unar`, or 7-Zip with the format.
        listing: What the headers say; empty of members when they are encrypted.
        archive: The plain name of the first volume.
        quarantine: Where it is and where it goes.
        passwords: Tried one after the other when it is encrypted.
        guard: The budget.

    Raises:
        BadArchive, UnsafeMember, TooMuch, PasswordRefused: as they say.
        Cancelled, Transient, Refused: from the tool.
        OSError: the disk refuses.
    """
    expected = _check(listing, guard)
    candidates = _candidates(listing, passwords)
    if tool.program == "7z":
        return extract_by_sevenzip(tool, archive, quarantine, candidates, guard)
    assert tool.path is not None, "the tool box gives tools that are there"
    for candidate in candidates or [""]:
        quarantine.reset()
        argv, stdin = _command(tool.program, tool.path, quarantine, archive, candidate)
        result = quarantine.extract(argv, stdin=stdin)
        if result.returncode == 0:
            found = inspect_tree(quarantine.out, guard)
            if not listing.hidden:
                compare(found, expected, tool.program)
            if found.members or not listing.hidden:
                return found
            continue  # a wrong password can turn hidden headers into an end, and the archive seems empty
        error = _failure(tool.program, result)
        if error.retryable or not _may_be_the_password(listing, result):
            raise error
    raise PasswordRefused("the archive is encrypted and no password fits, or it is damaged")


def _check(listing: RarListing, guard: Guard) -> dict[str, int | None]:
    """Refuse what the headers announce before a tool sees it, and return the files that must come out."""
    names = MemberNames()
    expected: dict[str, int | None] = {}
    for member in listing.members:
        head = member.head
        if member.special:
            raise UnsafeMember(f"the member {shown(head.name)} is a device, a named pipe or a socket")
        path = member_path(head.name)
        if not path:
            continue
        names.add(path, directory=head.directory)
        if head.link == "hardlink":
            expected[path] = None
        elif not (head.directory or head.link):
            expected[path] = head.size
    total = sum(size or 0 for size in expected.values())
    guard.announced(total, len(listing.members))
    guard.expect(total)
    return expected


def _candidates(listing: RarListing, passwords: Sequence[str]) -> list[str]:
    """The passwords that may fit; wrong ones are told without a tool where the headers allow it."""
    if not listing.encrypted:
        return []
    if not passwords:
        raise PasswordRefused("the archive is encrypted and there is no password for it")
    fitting = [password for password in passwords if all(check.fits(password) for check in listing.checks)]
    if not fitting:
        known = "the password does not fit" if len(passwords) == 1 else f"none of the {len(passwords)} passwords fits"
        raise PasswordRefused(f"the archive is encrypted and {known}")
    return fitting


def _may_be_the_password(listing: RarListing, result: ToolResult) -> bool:
    """Version 4 has nothing that tells a wrong password but a wrong checksum, and each tool says it in its own way."""
    return listing.encrypted and (not listing.checks or _WRONG_PASSWORD.search(result.text) is not None)


def _command(
    program: str, path: Path, quarantine: Quarantine, archive: str, password: str
) -> tuple[list[str | Path], bytes]:
    """The arguments, and what is typed at the prompt, which only `unrar` has.

    `unar` takes a password as an argument and in no other way: others on the machine can read it while it runs. The
    tool box gives it only where there is neither of the others.
    """
    volume = quarantine.volumes / archive
    if program == "unar":
        secret = ["-password", password] if password else []
        options = ["-no-directory", "-force-overwrite", "-no-recursion", "-forks", "skip"]
        return [path, *options, *secret, "-output-directory", quarantine.out, volume], b""
    silent = [] if password else ["-p-"]
    options = ["x", "-cfg-", "-y", "-o+", "-idp", *silent]
    return [path, *options, "--", volume, f"{quarantine.out}/"], password.encode() + b"\n" if password else b""


def _failure(program: str, result: ToolResult) -> FsOpsError:
    error = failed(program, result)
    if error.retryable or result.returncode < 0:
        return error
    return BadArchive(f"the archive is damaged or incomplete: {result.last_words}")
