"""Which files belong together by their names."""

import pytest

from revaer.fsops.archives.volumes import Group, Naming, group, volume_after


def only(*paths: str) -> Group:
    (found,) = group(paths)
    return found


def test_parts_are_ordered_by_number() -> None:
    paths = [f"d/film.part{number}.rar" for number in (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)]
    found = only(*paths)

    assert found.naming is Naming.PARTS
    assert found.volumes == tuple(reversed(paths))
    assert (found.first, found.stem, found.missing) == ("d/film.part1.rar", "d/film", ())


def test_padded_parts_name_what_is_missing() -> None:
    found = only("film.part02.rar", "film.part05.rar")

    assert found.missing == ("film.part01.rar", "film.part03.rar", "film.part04.rar")


def test_letters_follow_the_rar() -> None:
    found = only("FILM.R01", "film.rar", "film.r00", "film.s00", *(f"film.r{number:02}" for number in range(2, 100)))

    assert found.naming is Naming.LETTERS
    assert found.volumes[:3] == ("film.rar", "film.r00", "FILM.R01")
    assert found.volumes[-1] == "film.s00"
    assert found.missing == ()


def test_gap_in_letters_is_named() -> None:
    assert only("film.rar", "film.r00", "film.r02").missing == ("film.r01",)


def test_letters_without_the_first_name_it() -> None:
    found = only("film.r00", "film.r01")

    assert found.missing == ("film.rar",)
    assert not found.sure


@pytest.mark.parametrize("ending", ["7z", "zip", "tar", "tar.gz", "rar"])
def test_numbers_split_an_archive(ending: str) -> None:
    found = only(f"a.{ending}.002", f"a.{ending}.001")

    assert found.naming is Naming.NUMBERS
    assert found.volumes == (f"a.{ending}.001", f"a.{ending}.002")
    assert (found.stem, found.sure) == ("a", True)


def test_numbers_of_something_else_are_not_sure() -> None:
    assert not only("film.mkv.001", "film.mkv.002").sure


def test_spanned_zip_ends_with_the_zip() -> None:
    found = only("a.z01", "a.z03", "a.zip")

    assert found.naming is Naming.SPANNED
    assert found.volumes == ("a.z01", "a.z03", "a.zip")
    assert (found.first, found.missing) == ("a.zip", ("a.z02",))


@pytest.mark.parametrize(
    "name",
    [
        "a.zip",
        "a.RAR",
        "a.7z",
        "a.tar",
        "a.tar.gz",
        "a.tgz",
        "a.tar.bz2",
        "a.tbz2",
        "a.tbz",
        "a.tar.xz",
        "a.txz",
        "a.tar.zst",
        "a.tzst",
        "a.tar.zstd",
    ],
)
def test_single_archives_are_known_by_their_ending(name: str) -> None:
    found = only(name)

    assert (found.naming, found.stem, found.sure) == (Naming.SINGLE, "a", True)


def test_compressed_file_may_be_a_tar() -> None:
    assert not only("a.gz").sure


@pytest.mark.parametrize("name", ["a.txt", "a", "a.jar", "a.cbz", "zip", ".zip", "a.001x", "a.par2", "a.iso"])
def test_other_files_are_let_be(name: str) -> None:
    assert group([name]) == ()


def test_sets_of_the_same_name_in_other_directories_are_others() -> None:
    found = group(["a/x.rar", "a/x.r00", "b/x.rar", "b/x.r00", "b/y.rar"])

    assert [each.volumes for each in found] == [("a/x.rar", "a/x.r00"), ("b/x.rar", "b/x.r00"), ("b/y.rar",)]


def test_absurd_number_does_not_fill_the_memory() -> None:
    assert len(only("a.part99999.rar").missing) == 20


@pytest.mark.parametrize(
    ("path", "naming", "following"),
    [
        ("a.part09.rar", Naming.PARTS, "a.part10.rar"),
        ("a.rar", Naming.LETTERS, "a.r00"),
        ("a.r99", Naming.LETTERS, "a.s00"),
        ("a.7z.001", Naming.NUMBERS, "a.7z.002"),
        ("a.rar", Naming.SINGLE, "the volume after a.rar"),
    ],
)
def test_volume_after_is_named(path: str, naming: Naming, following: str) -> None:
    assert volume_after(path, naming) == following
