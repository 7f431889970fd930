"""Where symbolic links in a tree lead: followed by hand, step by step, so that nothing outside is ever touched."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from revaer.fsops.archives.errors import UnsafeMember, shown

_MAX_STEPS: Final = 400
_MAX_LINKS: Final = 40


def check_links(root: Path, paths: Iterable[str]) -> None:
    """Refuse links of which any step leads out of a tree. What they lead to need not be there.

    Args:
        root: The tree.
        paths: The links, relative to it.

    Raises:
        UnsafeMember: names the link.
        OSError: one cannot be read.
    """
    for path in paths:
        problem = _follow(root, path)
        if problem:
            raise UnsafeMember(f"the member {shown(path)} is a link that {problem}")


def _follow(root: Path, path: str) -> str:
    """What is wrong with where a link leads; empty when nothing is."""
    here: list[str] = []
    ahead = path.split("/")[::-1]
    links = 0
    for _ in range(_MAX_STEPS):
        if not ahead:
            return ""
        element = ahead.pop()
        if element in {"", "."}:
            continue
        if element == "..":
            if not here:
                return "leads out of the archive"
            here.pop()
            continue
        target = _link_target(root.joinpath(*here, element))
        if target is None:
            here.append(element)
            continue
        links += 1
        if target.startswith("/"):
            return "has an absolute target"
        if links > _MAX_LINKS:
            return "goes in circles"
        ahead += target.split("/")[::-1]
    return "goes too far"


def _link_target(path: Path) -> str | None:
    """Where a link leads; None when this is no link, or not there."""
    try:
        if stat.S_ISLNK(path.lstat().st_mode):
            return os.readlink(path)  # noqa: PTH115 - a Path would lose the slashes that matter
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None
