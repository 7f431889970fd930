"""The step `transfer`: brings the new tree to hold exactly what is wanted.

What lies there already and is right stays; what was made before and lies elsewhere is moved or linked; the rest is
linked, cloned or copied from the source. A copy counts only when the record has it, and the record has only what is
durable: what a crash leaves behind, whole or not, is deleted by the next run. The record is written after every so many
files or bytes.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from revaer.fsops import tree, workdir
from revaer.fsops.copying import NO_CLONE, clone_file, copy_file, discard
from revaer.fsops.disk import StrPath
from revaer.fsops.errors import FsOpsError, Refused, Transient, from_os_error
from revaer.fsops.layout import Item
from revaer.fsops.links import check_links
from revaer.fsops.plan import Seen, acceptable
from revaer.fsops.policy import MoveMode
from revaer.fsops.record import Extracted, Origin, Placed, Stamp
from revaer.fsops.room import check_room
from revaer.fsops.run import Run, StepResult
from revaer.fsops.stockroom import Stockroom
from revaer.fsops.tree import Entry, Kind
from revaer.fsops.watch import Watch

_LOOK_EVERY: Final = 64
"""How many links are made between two looks whether to stop: a look takes as long as a tenth of a link."""

_NO_LINK: Final = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})


def transfer(run: Run, watch: Watch) -> StepResult:
    """Bring the new tree to hold what is wanted.

    Raises:
        FsOpsError: Names the file.
        OSError: The disk refused.
    """
    wanted = {item.target: item for item in run.wanted}
    if not wanted:
        raise Refused("nothing is left to publish: clean-up leaves out every file, or there was none")
    check_links(wanted)
    return _Transfer(run, watch, wanted).run()


_COPIED: Final = {
    MoveMode.COPY: "copy",
    MoveMode.REFLINK: "copy in place of a clone",
    MoveMode.HARDLINK: "copy in place of a link",
    MoveMode.MOVE: "copy in place of a link",
}
_DONE: Final = {
    "link": "linked",
    "clone": "cloned",
    "copy": "copied",
    "copy in place of a link": "copied, as no link can be made",
    "copy in place of a clone": "copied, as no clone can be made",
}


def part_name(wanted: Container[str], target: str) -> str:
    """Return a name for an unfinished file in the directory of a target that is none of those wanted."""
    above, slash, _ = target.rpartition("/")
    name = ".revaer-part"
    while f"{above}{slash}{name}" in wanted:
        name += "-"
    return name


class _Transfer:
    """One run of the step."""

    def __init__(self, run: Run, watch: Watch, wanted: dict[str, Item]) -> None:
        self._run = run
        self._watch = watch
        self._disk = run.tools.disk
        self._root = run.places.tree
        self._base = str(run.places.tree)
        self._origin = str(run.job.source_root)
        self._mode = run.policy.move_mode
        self._links = self._mode in (MoveMode.HARDLINK, MoveMode.MOVE)
        self._copied = _COPIED[self._mode]
        self._wanted = wanted
        self._directories = tree.directories_of(wanted)
        self._made: Counter[str] = Counter()
        self._linked = 0
        self._fresh: list[Item] = []
        self._touched: set[str] = set()
        self._copies = 0
        self._bytes = 0
        self._is_syncing = False
        self._is_room_known = False
        self._missing: list[Item] = []
        self._number = 0
        self._shelved = 0

    def run(self) -> StepResult:
        """Clear what does not belong there, place what is missing."""
        run = self._run
        seen = run.look()
        kept = self._keep(seen.tree)
        missing = [item for target, item in sorted(self._wanted.items()) if target not in kept]
        room = Stockroom(run.places, seen, run.record, run.policy, run.ownership)
        if seen.tree or seen.shelf:
            useful = room.stamps_for(missing)
            self._check_last_copies(seen, kept, useful)
            self._clear(seen.tree, kept, room, useful)
            self._clear_shelf(seen.shelf, useful)
            # The run that made them may have ended before their names were durable.
            self._touched.update(
                (self._base, *(f"{self._base}/{path}" for path in self._directories & seen.tree.keys()))
            )
        run.record.placed = dict(kept)
        for target, placed in kept.items():
            room.lend(placed.stamp, f"{self._base}/{target}")
        self._watch.expect(sum(item.stamp.size for item in missing))
        self._place_all(missing, room)
        words = [f"{count} {name}" for name, count in sorted(self._made.items())]
        if kept:
            words.append(f"{len(kept)} were there")
        return StepResult(", ".join(words), self._watch.done)

    def _keep(self, entries: Mapping[str, Entry]) -> dict[str, Placed]:
        """Return what is right in the tree, links and moves of an interrupted run among it."""
        run, kept = self._run, {}
        for target, item in self._wanted.items():
            entry = entries.get(target)
            if entry is None or entry.kind not in (Kind.FILE, Kind.LINK):
                continue
            placed = run.record.placed.get(target)
            recorded = placed is not None and placed.stamp == entry.stamp
            placed = placed if recorded else self._adopted(item, entry)
            if placed is not None and acceptable(placed, item, run.policy, run.ownership):
                kept[target] = placed
                if not recorded:
                    self._fresh.append(item)
        return kept

    def _adopted(self, item: Item, entry: Entry) -> Placed | None:
        if entry.stamp != item.stamp:
            return None
        if item.origin is not Origin.SOURCE:
            return Placed(item.origin, item.path, entry.stamp, entry.stamp, item.mode, "rename")
        try:
            source = tree.look(self._source(item))
        except OSError:
            return None
        same = (source.dev, source.stamp.ino) == (entry.dev, entry.stamp.ino)
        return Placed(item.origin, item.path, entry.stamp, entry.stamp, item.mode, "link") if same else None

    def _check_last_copies(self, seen: Seen, kept: dict[str, Placed], useful: frozenset[Stamp]) -> None:
        """Refuse to delete what has neither a source nor a published entry any more."""
        record = self._run.record
        if record.replaces is None or seen.stock:
            return
        for path, placed in record.placed.items():
            mine = path in kept or placed.stamp in useful or placed.origin is not Origin.SOURCE
            if not mine and not os.path.lexists(f"{self._origin}/{placed.path}"):
                raise Refused(
                    "the only copy of the file is in the work directory, and not as the policy wants it; set the "
                    "earlier policy again, or move the file away",
                    path=str(self._root / path),
                )

    def _clear(
        self, entries: Mapping[str, Entry], kept: dict[str, Placed], room: Stockroom, useful: frozenset[Stamp]
    ) -> None:
        """Take out of the tree what is not wanted where it is: put aside what can be used, delete the rest."""
        homes = {each.stamp: each for each in self._run.record.extracted or ()}
        for path, entry in sorted(entries.items(), reverse=True):
            if path in kept or (entry.kind is Kind.DIRECTORY and path in self._directories):
                continue
            self._watch.check()
            if entry.kind is Kind.DIRECTORY:
                self._disk.rmdir(self._root / path)
            elif entry.stamp in useful:
                self._shelve(path, entry.stamp, room)
            elif entry.stamp not in homes or not self._take_home(path, homes[entry.stamp]):
                self._disk.unlink(self._root / path)

    def _clear_shelf(self, entries: Mapping[str, Entry], useful: frozenset[Stamp]) -> None:
        for path, entry in entries.items():
            if entry.stamp not in useful:
                self._disk.unlink(self._run.places.shelf / path)

    def _shelve(self, path: str, stamp: Stamp, room: Stockroom) -> None:
        target = self._free_on_shelf()
        self._rename(self._root / path, target)
        room.move(stamp, target)

    def _take_home(self, path: str, file: Extracted) -> bool:
        """Put what came out of an archive back where it was extracted, for a later policy that wants it."""
        home = self._run.places.extracted / file.path
        try:
            self._disk.lstat(home)
        except FileNotFoundError:
            workdir.make_parents(self._disk, self._run.places.extracted, file.path)
            self._rename(self._root / path, home)
            return True
        return False

    def _free_on_shelf(self) -> Path:
        while True:
            self._shelved += 1
            target = self._run.places.shelf / str(self._shelved)
            try:
                self._disk.lstat(target)
            except FileNotFoundError:
                return target

    def _make_directories(self) -> None:
        for path in sorted(self._directories):
            target = self._root / path
            if not tree.is_plain_directory(target):
                self._disk.mkdir(target)
                self._touched.add(str(target.parent))

    def _place_all(self, missing: list[Item], room: Stockroom) -> None:
        """Place what is missing. What the record has of it afterwards is durable, however this ends."""
        pace = self._run.tools.pace
        self._missing = missing
        try:
            self._make_directories()
            for number, item in enumerate(missing):
                self._number = number
                self._place(item, room)
                if self._links and number % _LOOK_EVERY == 0:
                    self._tell_linked()
                # Only copies are work that a crash could undo: links are recognised by the next run.
                if self._copies >= pace.files or self._bytes >= pace.bytes:
                    self._sync()
                    self._run.save()
            self._tell_linked()
            self._sync()
        except Exception:
            self._keep_what_is_durable()
            raise

    def _tell_linked(self) -> None:
        linked, self._linked = self._linked, 0
        self._watch.advance(linked)

    def _keep_what_is_durable(self) -> None:
        """Let the record have nothing that the disk may not have."""
        if not self._is_syncing:
            with suppress(OSError):
                self._sync()
        for item in self._fresh:
            self._run.record.placed.pop(item.target, None)

    def _place(self, item: Item, room: Stockroom) -> None:
        target = f"{self._base}/{item.target}"
        found = room.find(item)
        if found is None:
            placed = self._from_source(item, target, room)
        else:
            placed = found.placed
            if found.movable:
                self._rename(found.path, target)
                room.lend(placed.stamp, target)
            else:
                self._disk.link(found.path, target)
            self._made["reused" if placed.how != "rename" else "from archives or repair"] += 1
            self._watch.advance(item.stamp.size)
        self._run.record.placed[item.target] = placed
        self._fresh.append(item)

    def _from_source(self, item: Item, target: str, room: Stockroom) -> Placed:
        if item.origin is not Origin.SOURCE:
            raise Transient("a file in the work directory vanished", path=item.path)
        source = self._source(item)
        last = room.last_copy(item)
        if last is not None and not os.path.lexists(source):
            return self._without_source(item, last, target)
        try:
            placed = self._bring(source, item, target, room)
        except FsOpsError:
            raise
        except FileExistsError:
            # All that was not wanted there is gone: only a volume that does not tell names apart has it already.
            message = "the library's volume takes the names of two of the files for the same"
            raise Refused(message, path=item.target) from None
        except OSError as error:
            raise from_os_error(error, "bring the file into the library", path=source) from error
        self._made[_DONE[placed.how]] += 1
        return placed

    def _without_source(self, item: Item, last: StrPath, target: str) -> Placed:
        """Use the published file of a torrent that was moved: with its source gone it is nobody else's."""
        self._disk.link(last, target)
        self._made["taken from the published entry"] += 1
        how = {MoveMode.COPY: "copy", MoveMode.REFLINK: "clone"}.get(self._run.policy.move_mode, "link")
        entry = tree.look(target)
        return Placed(item.origin, item.path, entry.stamp, item.stamp, item.mode, how)

    def _bring(self, source: str, item: Item, target: str, room: Stockroom) -> Placed:
        mode, is_alone = self._mode, False
        try:
            if self._links:
                # That this was the file that is wanted is looked at as soon as all are there; see `set_permissions`.
                self._disk.link(source, target)
                self._linked += item.stamp.size
                return Placed(item.origin, item.path, item.stamp, item.stamp, item.mode, "link")
            if mode is MoveMode.REFLINK:
                return self._whole(source, item, target, clone=True)
        except OSError as error:
            self._check_fallback(source, error)
            is_alone = error.errno == errno.EMLINK
        if is_alone:
            check_room(self._run, item.stamp.size)
        elif not self._is_room_known:
            check_room(
                self._run, sum(each.stamp.size for each in self._missing[self._number :] if self._is_new(each, room))
            )
            self._is_room_known = True
        return self._whole(source, item, target, clone=False)

    def _is_new(self, item: Item, room: Stockroom) -> bool:
        """Whether an item can only be brought from the source."""
        if item.origin is not Origin.SOURCE or room.has(item):
            return False
        return room.last_copy(item) is None or os.path.lexists(self._source(item))

    def _check_fallback(self, source: str, error: OSError) -> None:
        """Go on with a copy if no link or clone can be made and the policy allows that."""
        is_clone = self._mode is MoveMode.REFLINK
        if error.errno not in (NO_CLONE if is_clone else _NO_LINK):
            raise error
        if self._run.policy.link_fallback != "copy" and self._mode is not MoveMode.MOVE:
            name = "clone" if is_clone else "hard link"
            raise Refused(
                f"no {name} can be made from the download to the library, and the policy forbids a copy "
                f"({(error.strerror or str(error)).lower()})",
                path=source,
            ) from error

    def _whole(self, source: str, item: Item, target: str, *, clone: bool) -> Placed:
        try:
            if clone:
                status = clone_file(self._disk, source, item.stamp, target, item.mode)
                self._watch.advance(item.stamp.size)
            else:
                status = copy_file(self._disk, source, item.stamp, target, item.mode, self._watch)
        except FileExistsError:
            raise
        except Exception:
            with suppress(OSError):
                discard(self._disk, target)
            raise
        self._copies, self._bytes = self._copies + 1, self._bytes + item.stamp.size
        how = "clone" if clone else self._copied
        return Placed(item.origin, item.path, tree.stamp_of(status), item.stamp, status.st_mode & 0o777, how)

    def _rename(self, source: StrPath, target: StrPath) -> None:
        """Move within the work directory, where nothing else can take the name meanwhile."""
        self._disk.rename(source, target)

    def _source(self, item: Item) -> str:
        return f"{self._origin}/{item.path}"

    def _sync(self) -> None:
        """Make durable what was placed since the last time."""
        if self._fresh or self._touched:
            targets = [f"{self._base}/{item.target}" for item in self._fresh]
            self._touched.update(path.rpartition("/")[0] for path in targets)
            files = [path for path, item in zip(targets, self._fresh, strict=True) if item.link is None]
            # The system reports only once that it could not write: what fails here must not be tried again.
            self._is_syncing = True
            self._run.sync(files, self._touched)
            self._is_syncing = False
        self._fresh, self._touched = [], set()
        self._copies = self._bytes = 0
