"""Where the members of one archive are written: an empty directory of ours that nobody else writes into."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from revaer.fsops.archives.errors import UnsafeMember, shown
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.links import check_links
from revaer.fsops.archives.names import MemberNames, member_path
from revaer.fsops.archives.output import Output

_MAX_TIME = 1 << 34


class Staging:
    """Writes members below a directory. Each name is checked, nothing is overwritten, no link is followed.

    Symbolic links are made last, by `finish`, so that nothing can be written through one.

    Args:
        root: An empty directory.
        guard: The budget; each member is counted.
    """

    def __init__(self, root: Path, guard: Guard) -> None:
        self.root = root
        self.guard = guard
        self.members = 0
        self.files = 0
        self._names = MemberNames()
        self._made: set[str] = {""}
        self._links: list[tuple[str, str]] = []

    def directory(self, name: str) -> None:
        """Make a directory. Raises UnsafeMember, TooMuch, OSError."""
        path = self._take(name, directory=True)
        if path:
            self._make(path)

    @contextmanager
    def file(
        self, name: str, *, size: int, executable: bool = False, modified: float | None = None
    ) -> Iterator[Output]:
        """Make a file and give what takes its content.

        Args:
            name: The member's name, unchecked.
            size: How many bytes it is said to become.
            executable: Whether it may be executed.
            modified: When it was changed, in seconds since 1970; now when absent or absurd.

        Raises:
            UnsafeMember: the name cannot be, or is taken.
            TooMuch: there are too many members.
            OSError: the disk refuses.
        """
        path = self._file_path(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.root / path, flags, 0o755 if executable else 0o644)
        try:
            with Output(descriptor, size) as output:
                yield output
            if modified is not None and 0 <= modified < _MAX_TIME:
                os.utime(descriptor, (modified, modified))
        finally:
            os.close(descriptor)
        self.files += 1

    def symlink(self, name: str, target: str) -> None:
        """Note a symbolic link for `finish`. Raises UnsafeMember, TooMuch."""
        self._links.append((self._file_path(name), target))

    def hardlink(self, name: str, target: str) -> None:
        """Make one more name of a file that the archive had before; its bytes count again, as they do for a copy.

        Raises:
            UnsafeMember: the target is no such file.
            TooMuch: it exceeds the limits.
            OSError: the disk refuses.
        """
        try:
            goal = member_path(target)
        except UnsafeMember as error:
            raise UnsafeMember(f"the member {shown(name)} is a hard link to the outside: {error.message}") from error
        facts = None
        if self._names.is_file(goal):
            with suppress(FileNotFoundError):
                facts = (self.root / goal).lstat()
        if facts is None or not stat.S_ISREG(facts.st_mode):
            raise UnsafeMember(f"the member {shown(name)} is a hard link to {shown(target)}, which is no earlier file")
        path = self._file_path(name)
        self.guard.written(facts.st_size)
        os.link(self.root / goal, self.root / path, follow_symlinks=False)
        self.files += 1

    def finish(self) -> None:
        """Make the links. Raises UnsafeMember when one leads out, OSError."""
        for path, target in self._links:
            if not target or "\0" in target or len(os.fsencode(target)) > os.pathconf("/", "PC_PATH_MAX"):
                raise UnsafeMember(f"the member {shown(path)} is a link to nothing")
            (self.root / path).symlink_to(target)
        if self._links:
            check_links(self.root, (path for path, _ in self._links))

    def _file_path(self, name: str) -> str:
        path = self._take(name, directory=False)
        if not path:
            raise UnsafeMember(f"the member {shown(name)} has no name")
        self._make(path.rpartition("/")[0])
        return path

    def _take(self, name: str, *, directory: bool) -> str:
        self.members += 1
        self.guard.entry()
        path = member_path(name)
        if path:
            self._names.add(path, directory=directory)
        return path

    def _make(self, path: str) -> None:
        """Make a directory and its parents."""
        absent = []
        while path not in self._made:
            absent.append(path)
            path = path.rpartition("/")[0]
        for each in reversed(absent):
            self.guard.entry()
            (self.root / each).mkdir(mode=0o755)
            self._made.add(each)
