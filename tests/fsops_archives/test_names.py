"""Which names members may have."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.fsops.archives.errors import UnsafeMember
from revaer.fsops.archives.names import MAX_NAME_BYTES, MemberNames, fold, member_path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "no name"),
        ("../evil", "leaves its directory"),
        ("a/../../evil", "leaves its directory"),
        ("a/..", "leaves its directory"),
        ("/etc/passwd", "absolute path"),
        ("//server/share", "absolute path"),
        ("C:evil", "drive letter"),
        ("c:/evil", "drive letter"),
        ("..\\evil", "backslash"),
        ("a\\b", "backslash"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("bad\udcff", "not valid UTF-8"),
        ("a/" * 129 + "b", "levels deep"),
        ("x" * 256, "longer than 255 bytes"),
        ("ü" * 128, "longer than 255 bytes"),
        ("/".join(["x" * 200] * 20), "longer than 3500 bytes"),
        (".revaer", "reserved"),
        (".REVAER/x", "reserved"),
        ("./.revaer.meta", "reserved"),
    ],
)
def test_unsafe_name_is_refused(name: str, reason: str) -> None:
    with pytest.raises(UnsafeMember, match=reason):
        member_path(name)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a"),
        ("./a//b/", "a/b"),
        ("./", ""),
        ("...", "..."),
        ("a..b/..c", "a..b/..c"),
        ("x" * 255, "x" * 255),
        ("a/.revaer", "a/.revaer"),
        ("CON", "CON"),
        ("-rf", "-rf"),
        ("ein Ordner/Äpfel.txt", "ein Ordner/Äpfel.txt"),
    ],
)
def test_safe_name_is_taken_as_it_is(name: str, path: str) -> None:
    assert member_path(name) == path


@given(st.text(st.characters(), max_size=40))
def test_path_that_is_returned_stays_below(name: str) -> None:
    try:
        path = member_path(name)
    except UnsafeMember:
        return
    elements = path.split("/") if path else []
    assert not {"", ".", ".."} & set(elements)
    assert not path.startswith("/")
    assert "\\" not in path
    assert all(len(element.encode()) <= MAX_NAME_BYTES for element in elements)


@given(st.text(max_size=20))
def test_folding_is_stable_and_knows_forms(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("a", "a", "twice"),
        ("Read.me", "READ.ME", "collide"),
        ("caf\u00e9", "cafe\u0301", "collide"),
        ("Straße", "STRASSE", "collide"),
        ("Dir/a", "dir/b", "collide"),
        ("a", "a/b", "both a directory"),
        ("a/b", "a", "both a directory"),
    ],
)
def test_names_that_could_be_the_same_file_are_refused(first: str, second: str, reason: str) -> None:
    names = MemberNames()
    names.add(first, directory=False)

    with pytest.raises(UnsafeMember, match=reason):
        names.add(second, directory=False)


def test_directory_may_come_again() -> None:
    names = MemberNames()
    names.add("a/b", directory=False)
    names.add("a", directory=True)
    names.add("a", directory=True)

    assert names.is_file("a/b")
    assert not names.is_file("a")
