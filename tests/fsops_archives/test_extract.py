"""All archives of a download together: where their content goes, nesting, limits, and that failure leaves nothing."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from revaer.fsops.archives.errors import BadArchive, TooMuch, UnsafeMember
from revaer.fsops.archives.trees import remove_tree
from revaer.fsops.errors import Cancelled, FsOpsError, Transient
from revaer.fsops.types import Extraction, Limits, StepName
from tests.fsops_archives.conftest import Bench
from tests.support.archive_writer import plain_tar, zipped
from tests.support.rar_writer import Entry, rar4, rar5


def test_download_without_archives_makes_nothing(bench: Bench) -> None:
    bench.put("film.mkv", b"x")

    assert bench.extract() == Extraction((), frozenset())
    assert not bench.into.exists()


def test_content_goes_beside_its_archive(bench: Bench) -> None:
    bench.put("a.zip", zipped({"top": b"1"}))
    bench.put("CD1/b.tar.gz", plain_tar({"x/y": b"2"}, "w:gz"))
    bench.put("CD1/readme.nfo", b"3")

    extraction = bench.extract()

    assert bench.content() == {"top": b"1", "CD1/x/y": b"2"}
    assert extraction.consumed == {"a.zip", "CD1/b.tar.gz"}
    assert [archive.path for archive in extraction.archives] == ["CD1/b.tar.gz", "a.zip"]


def test_only_the_files_given_are_looked_at(bench: Bench) -> None:
    bench.put("a.zip", zipped({"a": b"1"}))
    bench.put("unselected.zip", b"half of something")

    assert bench.extract("a.zip").consumed == {"a.zip"}


def test_archive_that_collides_with_a_file_gets_its_own_directory(bench: Bench) -> None:
    bench.put("a.zip", zipped({"ReadMe": b"1", "other": b"2"}))
    bench.put("readme", b"3")

    bench.extract()

    assert bench.content() == {"a/ReadMe": b"1", "a/other": b"2"}


def test_archives_that_collide_get_their_own_directories(bench: Bench) -> None:
    for name in ("a.zip", "b.zip", "B.tar"):
        content = {"file_id.diz": name.encode()}
        bench.put(name, zipped(content) if name.endswith("zip") else plain_tar(content))

    bench.extract()

    assert bench.content() == {"file_id.diz": b"B.tar", "a/file_id.diz": b"a.zip", "b/file_id.diz": b"b.zip"}


def test_own_directory_avoids_names_that_are_taken(bench: Bench) -> None:
    bench.put("a.zip", zipped({"x": b"1"}))
    bench.put("x", b"")
    bench.put("a", b"")

    bench.extract()

    assert bench.content() == {"a (2)/x": b"1"}


def test_link_that_an_archive_left_is_no_directory_for_the_next(bench: Bench) -> None:
    bench.put("a.zip", zipped({"d2": b"e", "e/x": b""}, modes={"d2": 0o120777}))
    bench.put("d/b.zip", zipped({"y": b"1"}))

    bench.extract()

    assert bench.content() == {"d2": b"-> e", "e/x": b"", "d/y": b"1"}


LONG = "/".join(["n" * 200] * 16)


def test_path_that_becomes_too_long_in_its_directory_is_refused(bench: Bench) -> None:
    bench.put(f"{'p' * 200}/{'s' * 200}/o.zip", zipped({LONG: b"x"}))

    error = bench.refused(UnsafeMember)

    assert "becomes too long" in error.message
    assert error.path is not None
    assert error.path.endswith("/o.zip")


def test_path_that_becomes_too_long_in_a_directory_of_its_own_is_refused(bench: Bench) -> None:
    bench.put(f"{'p' * 190}/{'o' * 190}.zip", zipped({LONG: b"x", "taken": b""}))
    bench.put(f"{'p' * 190}/taken", b"")

    assert "becomes too long" in bench.refused(UnsafeMember).message


def test_path_that_becomes_too_long_by_nesting_is_refused(bench: Bench) -> None:
    bench.put("o.zip", zipped({f"{LONG}/in.zip": zipped({"m" * 250: b"x", "n" * 200 + "/" + "m" * 250: b"y"})}))

    error = bench.refused(UnsafeMember)

    assert "becomes too long" in error.message
    assert error.path == f"o.zip/{LONG}/in.zip"


def test_long_path_comes_out(bench: Bench) -> None:
    bench.put("o.zip", zipped({f"{LONG}/film": b"x"}))

    bench.extract()

    assert bench.content() == {f"{LONG}/film": b"x"}


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_nested_archives_are_followed_to_the_depth(bench: Bench, depth: int) -> None:
    bench.put("a.zip", nested(4))

    extraction = bench.extract(limits=Limits(max_depth=depth))

    assert set(bench.content()) == {
        "d/" * depth + "level",
        *("d/" * i + "level" for i in range(depth)),
        "d/" * depth + "d/in.zip",
    }
    assert len(extraction.archives) == depth + 1
    assert extraction.consumed == {"a.zip"}


def nested(levels: int) -> bytes:
    content = zipped({"level": b"0"})
    for level in range(1, levels + 1):
        content = zipped({"level": str(level).encode(), "d/in.zip": content})
    return content


def test_nested_archive_is_named_with_the_ones_around_it(bench: Bench) -> None:
    bench.put("d/a.zip", zipped({"e/b.tar": plain_tar({"x": b"1"})[:600]}))

    assert bench.refused(BadArchive).path == "d/a.zip/e/b.tar"


def test_nested_volumes_are_one_archive_and_do_not_stay(bench: Bench) -> None:
    content = os.urandom(20_000)
    volumes = rar5([Entry("film", content)], volume_bytes=5000)
    bench.put("a.zip", zipped({f"x/f.part{number}.rar": each for number, each in enumerate(volumes, 1)}))

    extraction = bench.extract()

    assert bench.content() == {"x/film": content}
    assert [archive.path for archive in extraction.archives] == ["a.zip", "a.zip/x/f.part1.rar"]


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "rar"])
def test_cut_archive_is_put_together(bench: Bench, ending: str) -> None:
    files = {"film": os.urandom(3_000_000), "d/other": b"x" * 100_000}
    write: dict[str, Callable[[dict[str, bytes]], bytes]] = {
        "zip": zipped,
        "tar": plain_tar,
        "tar.gz": lambda each: plain_tar(each, "w:gz"),
        "rar": lambda _: b"",
    }
    content = write[ending](files)
    pieces = [content[place : place + 700_001] for place in range(0, len(content), 700_001)]
    if ending == "rar":
        pieces = rar4([Entry(name, each) for name, each in files.items()], volume_bytes=700_000)
    for number, piece in enumerate(pieces, 1):
        bench.put(f"a.{ending}.{number:03}", piece)

    extraction = bench.extract()

    assert bench.content() == files
    assert len(extraction.consumed) == len(pieces) >= 4


@pytest.mark.parametrize("gone", [2, 5])
def test_missing_piece_of_a_cut_archive_is_refused(bench: Bench, gone: int) -> None:
    content = zipped({"film": os.urandom(30_000)})
    for number in range(1, 6):
        if number != gone:
            bench.put(f"a.zip.{number:03}", content[(number - 1) * 7000 : number * 7000])

    error = bench.refused(BadArchive)

    assert "a.zip.002" in error.message if gone == 2 else "truncated" in error.message


def test_archive_whose_name_lies_is_extracted_as_what_it_is(bench: Bench) -> None:
    bench.put("a.rar", zipped({"1": b"1"}))
    bench.put("b.zip", rar5([Entry("2", b"2")])[0])
    bench.put("c.7z", plain_tar({"3": b"3"}, "w:xz"))

    bench.extract()

    assert bench.content() == {"1": b"1", "2": b"2", "3": b"3"}


@pytest.mark.parametrize("name", ["a.zip", "a.rar", "a.7z", "a.tar.gz"])
def test_file_that_only_says_it_is_an_archive_is_refused(bench: Bench, name: str) -> None:
    bench.put(name, b"just text")

    assert "damaged or no archive" in bench.refused(BadArchive).message


def test_bomb_of_nested_archives_is_refused_by_the_outermost_ratio(bench: Bench) -> None:
    content = zipped({"zeros": bytes(1_000_000)})
    for level in range(3):
        content = zipped({f"{level}-{number}.zip": content for number in range(10)})
    bench.put("a.zip", content)

    error = bench.refused(TooMuch, limits=Limits(max_ratio=1100, max_extracted_bytes=1 << 40))

    assert "1100 times" in error.message


def test_failure_of_the_last_archive_takes_away_the_others(bench: Bench) -> None:
    bench.put("a/a.zip", zipped({"x": b"1"}))
    bench.put("b/b.zip", zipped({"x": b"1"}))
    bench.put("c/c.zip", zipped({"x": os.urandom(1000)})[:-30])

    error = bench.refused(BadArchive)

    assert (error.step, error.path) == (StepName.EXTRACT, "c/c.zip")


def test_failure_leaves_what_was_there_before(bench: Bench) -> None:
    bench.into.mkdir()
    (bench.into / "mine").write_bytes(b"x")
    bench.put("a.zip", zipped({"x": b"1"}))
    bench.put("b.zip", b"broken")

    with pytest.raises(BadArchive):
        bench.extract()

    assert [path.name for path in bench.into.iterdir()] == ["mine"]


def test_content_never_replaces_what_is_there(bench: Bench) -> None:
    bench.into.mkdir()
    (bench.into / "x").write_bytes(b"mine")
    bench.put("a.zip", zipped({"x": b"1"}))

    bench.extract()

    assert bench.content() == {"x": b"mine", "a/x": b"1"}


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8])
def test_cancelled_job_leaves_nothing(bench: Bench, after: int) -> None:
    for name in ("a", "b", "c"):
        bench.put(f"{name}/{name}.zip", zipped({"x": os.urandom(100_000)}))
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    if after < 4:
        bench.refused(Cancelled, cancelled=cancelled)
    else:
        bench.extract(cancelled=cancelled)


def test_reserve_that_cannot_be_kept_may_be_tried_again(bench: Bench) -> None:
    bench.put("a.zip", zipped({"x": b"1"}))

    error = bench.refused(Transient, reserve=1 << 60)

    assert error.retryable


def test_place_that_cannot_be_made_is_an_error_with_its_path(bench: Bench) -> None:
    bench.put("a.zip", zipped({"x": b"1"}))
    bench.into = bench.world / "absent" / "into"

    assert "make the directory" in bench.refused(FsOpsError).message


def test_file_that_vanished_is_retryable(bench: Bench) -> None:
    assert bench.refused(Transient, "gone.zip").retryable


def test_ten_thousand_members_come_out(bench: Bench) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(10_000):
            archive.writestr(f"{number % 100}/{number}", b"x")
    bench.put("a.zip", target.getvalue())

    extraction = bench.extract()

    assert extraction.archives[0].files == 10_000
    assert sum(1 for _ in bench.into.rglob("*")) == 10_100


def test_tree_too_deep_for_recursion_is_removed(tmp_path: Path) -> None:
    root = tmp_path / "deep"
    root.mkdir()
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=descriptor)
        os.symlink(outside, "l", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)

    remove_tree(root)

    assert not root.exists()
    assert outside.read_bytes() == b"x"
