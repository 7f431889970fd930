"""7z files, and the zip files that the standard library cannot read, by the tool 7-Zip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from revaer.fsops.archives.errors import BadArchive, PasswordRefused, UnsafeMember, shown
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.inspection import Inspection, compare, inspect_tree
from revaer.fsops.archives.names import MemberNames, member_path
from revaer.fsops.archives.quarantine import Quarantine
from revaer.fsops.archives.sources import Source
from revaer.fsops.errors import FsOpsError
from revaer.fsops.processes import ToolResult, failed
from revaer.fsops.tools import ToolStatus

_HEADER_BYTES: Final = 32
_TOOL: Final = "7z"
_FINE: Final = {0, 1}  # 1 is a warning; whether all came out is compared in any case
_MAX_LINE: Final = 1 << 16
_EXTRACT_OPTIONS: Final = ("-y", "-bd", "-bb0", "-spd", "-snl", "-sccUTF-8")


@dataclass(slots=True)
class _Listing:
    """What a listing says of the members."""

    guard: Guard
    files: dict[str, int | None] = field(default_factory=dict)
    members: int = 0
    bytes: int = 0
    encrypted: bool = False
    names: MemberNames = field(default_factory=MemberNames)

    def take(self, record: dict[str, str]) -> None:
        """Check a member and remember it. Raises UnsafeMember, TooMuch."""
        name = record["Path"]
        attributes = record.get("Attributes", "").split()
        letters = {token[0] for token in attributes if len(token) == 10} or {"-"}
        directory = record.get("Folder") == "+" or any(token.startswith("D") for token in attributes) or "d" in letters
        self.encrypted |= record.get("Encrypted") == "+"
        self.members += 1
        if letters - set("-dl"):
            raise UnsafeMember(f"the member {shown(name)} is a device, a named pipe or a socket")
        path = member_path(name)
        if path:
            self.names.add(path, directory=directory)
        size = int(record["Size"]) if record.get("Size", "").isdigit() else None
        self.bytes += size or 0
        self.guard.announced(self.bytes, self.members)
        if not directory and "l" not in letters and path:
            self.files[path] = size


class _Records:
    """Splits the output of `7z l -slt` into records, as it comes."""

    def __init__(self, on_record: Callable[[dict[str, str]], None]) -> None:
        self._on_record = on_record
        self._rest = b""
        self._record: dict[str, str] = {}
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_LINE:
            raise BadArchive("the archive's list has an absurdly long line")
        for line in lines:
            self._line(line.decode(errors="surrogateescape").removesuffix("\r"))

    def end(self) -> None:
        """Take the last record. Raises BadArchive when there was no list: even that of an empty archive begins."""
        if self._rest:
            self._line(self._rest.decode(errors="surrogateescape"))
        self._line("")
        if not self._begun:
            raise BadArchive(f"{_TOOL} reported success, but listed nothing")

    def _line(self, line: str) -> None:
        if not self._begun:
            self._begun = line == "----------"
            return
        key, separator, value = line.partition(" =")
        if separator:
            self._record[key] = value.removeprefix(" ")
        elif not line and self._record:
            if "Path" in self._record:
                self._on_record(self._record)
            self._record = {}


def check_complete(source: Source) -> None:
    """Refuse a 7z file that has not the bytes which its header says. Raises BadArchive, OSError."""
    source.seek(0)
    header = source.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        raise BadArchive("the archive is truncated")
    wanted = _HEADER_BYTES + int.from_bytes(header[12:20], "little") + int.from_bytes(header[20:28], "little")
    if source.size < wanted:
        raise BadArchive(
            f"the archive is truncated or its last volumes are missing: it has {source.size} of {wanted} bytes"
        )


def extract_by_sevenzip(
    tool: ToolStatus, archive: str, quarantine: Quarantine, passwords: Sequence[str], guard: Guard
) -> Inspection:
    """Extract an archive into a quarantine and inspect what came out.

    Args:
        tool: 7-Zip.
        archive: The plain name of the first volume in the quarantine.
        quarantine: Where it is and where it goes.
        passwords: Tried one after the other when it is encrypted.
        guard: The budget.

    Raises:
        BadArchive, UnsafeMember, TooMuch, PasswordRefused: as they say.
        Cancelled, Transient, Refused: from the tool.
        OSError: the disk refuses.
    """
    assert tool.path is not None, "the tool box gives tools that are there"
    path = quarantine.volumes / archive
    listing, password = _list(tool.path, path, quarantine, passwords, guard)
    guard.expect(listing.bytes)
    candidates = [""] if not listing.encrypted else [password] if password else list(passwords)
    if not candidates:
        raise PasswordRefused("the archive is encrypted and there is no password for it")
    for candidate in candidates:
        quarantine.reset()
        argv: list[str | Path] = [tool.path, "x", *_EXTRACT_OPTIONS, f"-o{quarantine.out}", "--", path]
        result = quarantine.extract(argv, stdin=_typed(candidate))
        if result.returncode in _FINE:
            found = inspect_tree(quarantine.out, guard)
            compare(found, listing.files, _TOOL)
            return found
        if not (listing.encrypted and _wrong_password(result)):
            raise _failure(result)
    raise _no_password_fits(candidates)


def _list(
    program: Path, path: Path, quarantine: Quarantine, passwords: Sequence[str], guard: Guard
) -> tuple[_Listing, str]:
    """List the members, with the password when it takes one."""
    for candidate in ["", *passwords]:
        listing = _Listing(guard)
        records = _Records(listing.take)
        argv: list[str | Path] = [program, "l", "-slt", "-sccUTF-8", "--", path]
        result = quarantine.listing(argv, records.feed, stdin=_typed(candidate))
        if result.returncode in _FINE:
            records.end()
            return listing, candidate
        if not _wrong_password(result):
            raise _failure(result)
    if not passwords:
        raise PasswordRefused("the archive's list of names is encrypted and there is no password for it")
    raise _no_password_fits(passwords)


def _typed(password: str) -> bytes:
    """What is typed at the prompt: never an argument, which everybody on the machine could read."""
    return password.encode() + b"\n" if password else b""


def _wrong_password(result: ToolResult) -> bool:
    text = result.text
    return "Wrong password" in text or ("Enter password" in text and "Break signaled" in text)


def _failure(result: ToolResult) -> FsOpsError:
    error = failed(_TOOL, result)
    return (
        error
        if error.retryable or result.returncode < 0
        else BadArchive(f"the archive is damaged, truncated or of an unknown kind: {result.last_words}")
    )


def _no_password_fits(passwords: Sequence[str]) -> PasswordRefused:
    known = "the password" if len(passwords) == 1 else f"none of the {len(passwords)} passwords"
    verb = "does not fit" if len(passwords) == 1 else "fits"
    return PasswordRefused(f"the archive is encrypted and {known} {verb}, or it is damaged")
