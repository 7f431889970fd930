"""Where each file comes to lie in the library entry. Pure functions.

The torrent's own files keep their places. What came out of an archive lies beside the archive; where a file of the
torrent, or another archive's, has its name already it gets a number: `readme (2).txt`. With `flatten` directories that
hold a single entry and nothing else are taken away from the outside, and that entry gives the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from revaer.fsops.errors import Refused
from revaer.fsops.record import Extracted, Located, Origin, Stamp
from revaer.fsops.tree import directories_of, parents
from revaer.fsops.types import Job

_LONGEST_NAME: Final = 255


class Item(msgspec.Struct, frozen=True, gc=False):
    """A file, or with `link` a symbolic link, of the entry.

    Attributes:
        target: Its path in the entry; its name, when the entry is the file.
        origin: Where it comes from, and `path` its path there.
        mode: Permission bits that it has there; `uid` and `gid` its owner, -1 where it will be ours.
    """

    target: str
    origin: Origin
    path: str
    stamp: Stamp
    mode: int
    uid: int = -1
    gid: int = -1
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole entry before clean-up: its name, whether it is a directory, and its files by path."""

    entry: str
    directory: bool
    items: tuple[Item, ...]
    renamed: int = 0
    flattened: int = 0


def arrange(
    job: Job,
    located: Sequence[Located],
    repaired: Mapping[str, Extracted],
    extracted: Sequence[Extracted],
    consumed: Iterable[str],
    *,
    flatten: bool,
) -> Layout:
    """Decide where everything goes.

    Args:
        job: The torrent.
        located: Its files.
        repaired: Copies that stand in for some of them.
        extracted: What came out of archives.
        consumed: The files that were archives.
        flatten: Whether directories around a single entry are taken away.

    Raises:
        Refused: A name cannot be one.
    """
    gone = frozenset(consumed)
    own = [_own(file, repaired.get(file.path)) for file in located if file.path not in gone]
    naming = _Naming(item.target for item in own)
    foreign = [_from_archive(each, naming) for each in extracted]
    items = sorted(own + foreign, key=lambda item: item.target)
    renamed = sum(item.target != item.path for item in foreign)
    directory = job.multi_file or bool(gone)
    layout = Layout(_entry_name(job, archive=bool(gone)), directory, tuple(items), renamed)
    if not directory:
        layout = replace(layout, items=tuple(msgspec.structs.replace(item, target=layout.entry) for item in items))
    layout = _flattened(layout) if flatten else layout
    check_name(layout.entry)
    return layout


def check_name(name: str) -> None:
    """Refuse what cannot be the name of an entry. Raises Refused."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise Refused(f"the name {name!r} cannot be one of a library entry")
    if len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        raise Refused(f"the name has more than {_LONGEST_NAME} bytes", path=name)


def check_path(path: str) -> None:
    """Refuse a path of a torrent's file that is not plainly below the torrent's root. Raises Refused."""
    if not path or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise Refused("the torrent has a file whose path leaves the torrent or is no path", path=repr(path))
    _check_text(path, "the torrent has a file whose name is no Unicode text")


def check_job_name(name: str) -> None:
    """Refuse a torrent's name that cannot even be noted in the record. Raises Refused."""
    _check_text(name, "the torrent's name is no Unicode text; rename the torrent")


def _check_text(text: str, message: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(message, path=repr(text)) from None


def numbered(name: str, number: int, *, directory: bool) -> str:
    """Return a name with a number: `film (2).mkv`, `film (2)` for a directory."""
    stem, dot, suffix = name.rpartition(".")
    if directory or not dot or not stem:
        return f"{name} ({number})"
    return f"{stem} ({number}).{suffix}"


def _own(file: Located, copy: Extracted | None) -> Item:
    if copy is None:
        return Item(file.path, Origin.SOURCE, file.path, file.stamp, file.mode & 0o777, file.uid, file.gid)
    return Item(file.path, Origin.REPAIRED, file.path, copy.stamp, copy.mode & 0o777)


def _from_archive(file: Extracted, naming: _Naming) -> Item:
    return Item(naming.give(file.path), Origin.EXTRACTED, file.path, file.stamp, file.mode & 0o777, link=file.link)


class _Naming:
    """Gives names that are not taken, as a file or as a directory."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._files = set(taken)
        self._directories = directories_of(self._files)
        self._moved: dict[str, str] = {}

    def give(self, path: str) -> str:
        """Return the path at which a file can be, the same unless it is taken."""
        above, _, name = path.rpartition("/")
        directory = self._directory(above) if above else ""
        wanted = f"{directory}/{name}" if directory else name
        target, number = wanted, 1
        while target in self._files or target in self._directories:
            number += 1
            fresh = numbered(name, number, directory=False)
            target = f"{directory}/{fresh}" if directory else fresh
        self._files.add(target)
        return target

    def _directory(self, path: str) -> str:
        for each in (*parents(path), path):
            if each not in self._moved:
                above, _, name = each.rpartition("/")
                self._moved[each] = self._fresh_directory(self._moved.get(above, ""), name)
        return self._moved[path]

    def _fresh_directory(self, parent: str, name: str) -> str:
        target, number = (f"{parent}/{name}" if parent else name), 1
        while target in self._files:
            number += 1
            fresh = numbered(name, number, directory=True)
            target = f"{parent}/{fresh}" if parent else fresh
        self._directories.add(target)
        return target


def _entry_name(job: Job, *, archive: bool) -> str:
    if job.multi_file:
        return job.name
    name = job.files[0].path.rpartition("/")[2]
    if not archive:
        return name
    stem = name.rpartition(".")[0]
    for inner in (".tar", ".part1", ".part01", ".part001"):
        stem = stem.removesuffix(inner)
    return stem or name


def _flattened(layout: Layout) -> Layout:
    while layout.directory and layout.items:
        heads = {item.target.partition("/")[0] for item in layout.items}
        if len(heads) != 1:
            break
        head = heads.pop()
        inside = layout.items[0].target != head
        if not inside and layout.items[0].link is not None:
            # A link that is the entry would have the library around it, and could lead to another entry.
            break
        items = tuple(msgspec.structs.replace(item, target=item.target.partition("/")[2]) for item in layout.items)
        layout = replace(
            layout,
            entry=head,
            directory=inside,
            flattened=layout.flattened + 1,
            items=items if inside else layout.items,
        )
    return layout
