"""What a tree was: enough of each entry that any change shows, access times aside."""

import hashlib
import os
import stat
from pathlib import Path

Snapshot = dict[str, tuple[object, ...]]


def snapshot(root: Path, *, without: Path | None = None) -> Snapshot:
    """Every entry below a directory by path: kind, permissions, inode, times, owner, and its content's digest."""
    found: Snapshot = {}
    for folder, directories, files in os.walk(root):
        if without is not None and Path(folder) == without.parent:
            directories[:] = [name for name in directories if name != without.name]
        for name in (*directories, *files):
            path = Path(folder) / name
            found[str(path.relative_to(root))] = _facts(path)
    return found


def _facts(path: Path) -> tuple[object, ...]:
    facts = path.lstat()
    content = ""
    if stat.S_ISREG(facts.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif stat.S_ISLNK(facts.st_mode):
        content = str(path.readlink())
    changed = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_mtime_ns
    return (facts.st_mode, facts.st_ino, facts.st_uid, facts.st_gid, changed, content)
