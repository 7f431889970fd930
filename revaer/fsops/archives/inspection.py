"""What a tool wrote is looked at before it is taken: never trust a tool."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from revaer.fsops.archives.errors import BadArchive, UnsafeMember, shown
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.links import check_links
from revaer.fsops.archives.names import MemberNames, member_path
from revaer.fsops.archives.trees import Node, walk


class Inspection:
    """What was found in a tree: how many members and files, and the bytes of the files by path."""

    def __init__(self) -> None:
        self.members = 0
        self.files: dict[str, int] = {}


def inspect_tree(root: Path, guard: Guard) -> Inspection:
    """Look at every entry of a tree that a tool wrote, count it, and take away what it must not carry.

    Directories get the permissions 0755, files 0644, or 0755 when they are executable.

    Args:
        root: The tree.
        guard: The budget.

    Raises:
        UnsafeMember: an entry is no file, directory or link within the tree, or has a name that cannot be.
        TooMuch: there is too much of it.
        OSError: the disk refuses.
    """
    found = Inspection()
    names = MemberNames()
    links: list[str] = []
    names_of: Counter[tuple[int, int]] = Counter()
    shared: dict[tuple[int, int], Node] = {}
    for node in walk(root):
        found.members += 1
        guard.entry()
        names.add(member_path(node.path), directory=node.is_directory)
        if node.is_link:
            links.append(node.path)
            continue
        _normalise(root, node)
        if node.is_file:
            guard.written(node.facts.st_size)
            found.files[node.path] = node.facts.st_size
            if node.facts.st_nlink > 1:
                identity = (node.facts.st_dev, node.facts.st_ino)
                names_of[identity] += 1
                shared[identity] = node
    for identity, node in shared.items():
        if names_of[identity] != node.facts.st_nlink:
            raise UnsafeMember(f"the member {shown(node.path)} is a hard link to a file outside")
    check_links(root, links)
    return found


def compare(found: Inspection, expected: Mapping[str, int | None], tool: str) -> None:
    """Refuse a result that is not what the archive's own list says.

    Args:
        found: What the tool wrote.
        expected: The files by path with their bytes, which may be unknown.
        tool: The tool's name, for the error.

    Raises:
        BadArchive: a file is absent, too many, or of another size.
    """
    for path, size in expected.items():
        if path not in found.files:
            raise BadArchive(f"{tool} reported success, but did not extract the member {shown(path)}")
        if size is not None and found.files[path] != size:
            raise BadArchive(
                f"{tool} reported success, but the member {shown(path)} has {found.files[path]} bytes instead of {size}"
            )
    extra = sorted(found.files.keys() - expected.keys())
    if extra:
        raise BadArchive(f"{tool} wrote the file {shown(extra[0])}, which the archive does not have")


def _normalise(root: Path, node: Node) -> None:
    if not (node.is_file or node.is_directory):
        raise UnsafeMember(f"the member {shown(node.path)} is {_special(node.facts.st_mode)}")
    wanted = 0o755 if node.is_directory or node.facts.st_mode & 0o111 else 0o644
    if stat.S_IMODE(node.facts.st_mode) == wanted:
        return
    (root / node.path).chmod(wanted)


def _special(mode: int) -> str:
    kinds = {
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "of an unknown kind")
