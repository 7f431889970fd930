"""Which names members of archives may have: pure rules, with messages for people.

A name is refused as a whole; it is never repaired, because a repaired name may be the one of another member.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from revaer.fsops.archives.errors import UnsafeMember, shown

MAX_NAME_BYTES: Final = 255
"""The longest name that file systems take."""

MAX_PATH_BYTES: Final = 3500
"""The longest path of a member; leaves room for the directory that it goes into."""

MAX_LEVELS: Final = 128
"""The deepest nesting of directories in an archive."""

RESERVED_ROOT: Final = ".revaer"
"""Names that begin like this are ours at the root of a tree."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")


def member_path(name: str) -> str:
    """Return a member's path, `/`-separated, without empty and `.` elements; empty for the archive's root itself.

    Raises:
        UnsafeMember: the name leaves the directory, or cannot be or must not be a path on the target.
    """
    problem = _problem(name)
    if problem:
        raise UnsafeMember(f"the member {shown(name)} {problem}")
    elements = [element for element in name.split("/") if element not in {"", "."}]
    for element in elements:
        problem = _element_problem(element)
        if problem:
            raise UnsafeMember(f"the member {shown(name)} {problem}")
    if len(elements) > MAX_LEVELS:
        raise UnsafeMember(f"the member {shown(name)} is nested more than {MAX_LEVELS} levels deep")
    path = "/".join(elements)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise UnsafeMember(f"the member {shown(name)} has a path longer than {MAX_PATH_BYTES} bytes")
    if elements and _reserved(elements[0]):
        raise UnsafeMember(f"the member {shown(name)} has a reserved name")
    return path


def fold(text: str) -> str:
    """Return the form in which names are equal that some file system takes for the same: by case or Unicode form."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


class MemberNames:
    """The names of one archive's members, so that no two of them can become the same file anywhere."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[str, bool]] = {}

    def add(self, path: str, *, directory: bool) -> None:
        """Take a member and, as directories, its parents. A directory may come again.

        Args:
            path: As from `member_path`, not empty.
            directory: Whether the member is a directory.

        Raises:
            UnsafeMember: the name is taken, or differs from a taken one by case or Unicode form only.
        """
        parent = path.rpartition("/")[0]
        if parent and self._kinds.get(fold(parent)) != (parent, True):
            self.add(parent, directory=True)
        known = self._kinds.setdefault(fold(path), (path, directory))
        if known[0] != path:
            raise UnsafeMember(f"the members {shown(known[0])} and {shown(path)} collide by case or Unicode form")
        if known[1] != directory:
            raise UnsafeMember(f"the member {shown(path)} is both a directory and something else")
        if not directory:
            self._take_once(path)

    def is_file(self, path: str) -> bool:
        """Tell whether a member that is no directory has this path."""
        return self._kinds.get(fold(path)) == (path, False)

    def _take_once(self, path: str) -> None:
        key = "\0" + path
        if key in self._kinds:
            raise UnsafeMember(f"the member {shown(path)} is there twice")
        self._kinds[key] = (path, False)


def _problem(name: str) -> str:
    if not name:
        return "has no name"
    if "\0" in name or any(unicodedata.category(char) == "Cc" for char in name):
        return "contains a control character"
    if name.startswith("/"):
        return "has an absolute path"
    if _DRIVE.match(name):
        return "begins with a drive letter"
    if "\\" in name:
        return "contains a backslash"
    return ""


def _element_problem(element: str) -> str:
    if element == "..":
        return "leaves its directory"
    try:
        raw = element.encode()
    except UnicodeEncodeError:
        return "has a name that is not valid UTF-8"
    return f"has a name longer than {MAX_NAME_BYTES} bytes" if len(raw) > MAX_NAME_BYTES else ""


def _reserved(element: str) -> bool:
    folded = fold(element)
    return folded == RESERVED_ROOT or folded.startswith(RESERVED_ROOT + ".")
