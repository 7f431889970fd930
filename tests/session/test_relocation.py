"""A move that was interrupted at any point is finished, and nothing that is unknown is lost on the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from revaer.session.relocation import CHUNK, Relocation, RelocationFailed, RelocationStopped, part_files

FILES = {"Film/film.mkv": b"film" * 50_000, "Film/sub/one.srt": b"first", "Film/empty": b""}


def refuse_links(old: Path, new: Path) -> None:
    """Two disks."""
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(old))


def refuse_hard_links(old: Path, new: Path) -> None:
    """A file system that has none."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(old))


class Places:
    """The old directory, the new one, and what is in them."""

    def __init__(self, root: Path) -> None:
        self.old, self.new = root / "old", root / "new"
        self.old.mkdir()
        self.new.mkdir()

    def put(self, where: Path, path: str, content: bytes) -> None:
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        (where / path).write_bytes(content)

    def fill(self, *paths: str) -> None:
        for path in paths or FILES:
            self.put(self.old, path, FILES[path])

    def relocation(self, **changes: object) -> Relocation:
        return Relocation(tuple(FILES), str(self.old), str(self.new), **changes)  # type: ignore[arg-type]  # its fields

    def assert_moved(self) -> None:
        assert {path: (self.new / path).read_bytes() for path in FILES} == FILES
        assert list(self.old.iterdir()) == []
        assert sorted(names(self.new)) == sorted(FILES)


def names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


LINKS = pytest.mark.parametrize("link", [os.link, refuse_links, refuse_hard_links], ids=["one disk", "two", "no links"])


@LINKS
def test_everything_moves_and_empty_folders_go(places: Places, link: object) -> None:
    places.fill()
    assert places.relocation(link=link).run() == 3
    places.assert_moved()


@LINKS
def test_what_is_there_already_stays_and_the_rest_follows(places: Places, link: object) -> None:
    places.fill("Film/sub/one.srt", "Film/empty")
    places.put(places.new, "Film/film.mkv", FILES["Film/film.mkv"])
    assert places.relocation(link=link).run() == 2
    places.assert_moved()
    assert places.relocation(link=link).run() == 0


@LINKS
@pytest.mark.parametrize(
    "begun",
    [
        b"",
        FILES["Film/film.mkv"][:70_001],
        FILES["Film/film.mkv"][:70_001].ljust(200_000, b"\0"),
        FILES["Film/film.mkv"],
    ],
    ids=["nothing", "some", "some of a file of full length", "all"],
)
def test_copy_that_was_begun_is_made_again_from_the_whole_file(places: Places, link: object, begun: bytes) -> None:
    places.fill()
    places.put(places.new, "Film/film.mkv", begun)
    places.relocation(link=link).run()
    places.assert_moved()


def test_file_that_has_both_names_loses_the_old_one(places: Places) -> None:
    places.fill()
    (places.new / "Film").mkdir()
    os.link(places.old / "Film/film.mkv", places.new / "Film/film.mkv")
    places.relocation().run()
    places.assert_moved()


def test_other_files_of_the_folder_stay_where_they_are(places: Places) -> None:
    places.fill()
    places.put(places.old, "Film/mine.txt", b"mine")
    places.relocation().run()
    assert names(places.old) == ["Film/mine.txt"]


@pytest.mark.parametrize("foreign", [b"another film" * 20_000, b"short and different"], ids=["long", "short"])
def test_foreign_file_is_never_replaced_and_nothing_else_moves(places: Places, foreign: bytes) -> None:
    places.fill()
    places.put(places.new, "Film/film.mkv", foreign)
    with pytest.raises(RelocationFailed, match="in the way") as failure:
        places.relocation().run()
    assert (failure.value.number, failure.value.is_untouched) == (errno.EEXIST, True)
    assert (places.new / "Film/film.mkv").read_bytes() == foreign
    assert sorted(names(places.old)) == sorted(FILES)


def test_failure_says_that_some_of_it_moved_before(places: Places) -> None:
    places.fill("Film/film.mkv", "Film/empty")
    places.put(places.new, "Film/sub/one.srt", b"first")
    places.put(places.new, "Film/film.mkv", b"foreign")
    with pytest.raises(RelocationFailed) as failure:
        places.relocation().run()
    assert not failure.value.is_untouched


def test_folder_where_a_file_must_be_is_in_the_way(places: Places) -> None:
    places.fill()
    (places.new / "Film/film.mkv").mkdir(parents=True)
    with pytest.raises(RelocationFailed) as failure:
        places.relocation().run()
    assert failure.value.path == str(places.new / "Film/film.mkv")


def test_file_where_a_folder_must_be_fails_with_its_path(places: Places) -> None:
    places.fill()
    places.put(places.new, "Film", b"no folder")
    with pytest.raises(RelocationFailed) as failure:
        places.relocation().run()
    assert failure.value.number in (errno.ENOTDIR, errno.EEXIST)
    assert sorted(names(places.old)) == sorted(FILES)


def test_file_with_an_obstacle_is_passed_over_when_wanted(places: Places) -> None:
    places.fill()
    places.put(places.new, "Film/film.mkv", b"foreign")
    assert places.relocation(passes_over=True).run() == 2
    assert (places.old / "Film/film.mkv").read_bytes() == FILES["Film/film.mkv"]
    assert (places.new / "Film/film.mkv").read_bytes() == b"foreign"


def test_part_of_a_whole_file_goes_when_the_whole_is_where_it_shall_be(places: Places) -> None:
    places.put(places.old, "Film/film.mkv", FILES["Film/film.mkv"][:100_000])
    places.put(places.new, "Film/film.mkv", FILES["Film/film.mkv"])
    places.relocation().run()
    assert (places.new / "Film/film.mkv").read_bytes() == FILES["Film/film.mkv"]
    assert names(places.old) == []


def test_disk_that_refuses_is_told_with_its_error_and_what_moved_stays_moved(places: Places) -> None:
    places.fill()
    moved: list[str] = []

    def refuse_second(old: Path, new: Path) -> None:
        if moved:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(new))
        moved.append(old.name)
        os.link(old, new)

    with pytest.raises(RelocationFailed) as failure:
        places.relocation(link=refuse_second).run()
    assert failure.value.number == errno.ENOSPC
    assert len(names(places.new)) == 1
    places.relocation().run()
    places.assert_moved()


def test_cancelled_copy_leaves_the_old_file_and_no_rest(places: Places) -> None:
    places.put(places.old, "Film/film.mkv", b"\1" * (3 * CHUNK))
    looks = iter([False, False, True, True, True])
    with pytest.raises(RelocationStopped):
        places.relocation(link=refuse_links, is_cancelled=lambda: next(looks)).run()
    assert names(places.old) == ["Film/film.mkv"]
    assert names(places.new) == []


def test_holes_stay_holes_on_another_disk(places: Places) -> None:
    path = places.old / "Film/film.mkv"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.seek(8 * CHUNK)
        file.write(b"end")
    places.relocation(link=refuse_links).run()
    moved = places.new / "Film/film.mkv"
    assert moved.stat().st_size == 8 * CHUNK + 3
    assert moved.stat().st_blocks * 512 <= 2 * CHUNK
    assert moved.read_bytes()[-3:] == b"end"


def test_names_of_part_files_come_from_the_hashes() -> None:
    assert part_files(["a" * 40, "b" * 64, None]) == [f".{'a' * 40}.parts", f".{'b' * 40}.parts"]
