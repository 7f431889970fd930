"""Rar archives whose members are stored are read without a tool; others name it."""

import os
import stat
import zlib
from collections.abc import Callable, Sequence

import pytest

from revaer.fsops.archives.errors import BadArchive, PasswordRefused, TooMuch, UnsafeMember
from revaer.fsops.tools import ToolMissing
from revaer.fsops.types import Limits
from tests.fsops_archives.conftest import Bench
from tests.support.rar_writer import Entry, rar4, rar5

BIG = os.urandom(300_000)
ENTRIES = [
    Entry("film.mkv", BIG),
    Entry("subs/film.txt", b"words"),
    Entry("empty"),
    Entry("subs", directory=True),
    Entry("last.bin", BIG[:70_000]),
]
FILES = {entry.name: entry.content for entry in ENTRIES if not entry.directory}

Writer = Callable[..., list[bytes]]
both = pytest.mark.parametrize("write", [rar4, rar5])


def parts(volumes: Sequence[bytes], name: str = "a.part{:02}.rar") -> dict[str, bytes]:
    return {name.format(number): content for number, content in enumerate(volumes, 1)}


def letters(volumes: Sequence[bytes]) -> dict[str, bytes]:
    names = ["a.rar", *(f"a.r{number:02}" for number in range(len(volumes) - 1))]
    return dict(zip(names, volumes, strict=True))


@both
def test_members_come_out_as_they_went_in(bench: Bench, write: Writer) -> None:
    bench.put("a.rar", write(ENTRIES)[0])

    extraction = bench.extract()

    assert bench.content() == FILES
    assert extraction.archives[0].files == 4
    assert extraction.archives[0].bytes == sum(map(len, FILES.values()))


@both
@pytest.mark.parametrize("named", [parts, letters])
def test_volumes_are_one_archive(
    bench: Bench, write: Writer, named: Callable[[Sequence[bytes]], dict[str, bytes]]
) -> None:
    volumes = named(write(ENTRIES, volume_bytes=50_000))
    for name, content in volumes.items():
        bench.put(f"CD1/{name}", content)

    extraction = bench.extract()

    assert len(volumes) == 8
    assert extraction.consumed == {f"CD1/{name}" for name in volumes}
    assert bench.content() == {f"CD1/{name}": content for name, content in FILES.items()}


@both
def test_unicode_names_are_read(bench: Bench, write: Writer) -> None:
    bench.put("a.rar", write([Entry("Ærø/日本.txt", b"x")])[0])

    bench.extract()

    assert bench.content() == {"Ærø/日本.txt": b"x"}


@both
def test_backslash_separates(bench: Bench, write: Writer) -> None:
    bench.put("a.rar", rar4([Entry("d\\a", b"x")])[0])
    bench.extract()
    assert bench.content() == {"d/a": b"x"}


@both
def test_setuid_is_dropped(bench: Bench, write: Writer) -> None:
    bench.put("a.rar", write([Entry("run", b"", mode=0o106755)])[0])

    bench.extract()

    assert stat.S_IMODE((bench.into / "run").stat().st_mode) == 0o755


@both
def test_missing_volume_in_the_middle_is_named(bench: Bench, write: Writer) -> None:
    volumes = parts(write(ENTRIES, volume_bytes=100_000))
    del volumes["a.part02.rar"]
    for name, content in volumes.items():
        bench.put(name, content)

    assert "volumes are missing: a.part02.rar" in bench.refused(BadArchive).message


@both
def test_missing_last_volume_is_named(bench: Bench, write: Writer) -> None:
    volumes = parts(write(ENTRIES, volume_bytes=100_000))
    volumes.popitem()
    for name, content in volumes.items():
        bench.put(name, content)

    assert "volumes are missing: a.part04.rar" in bench.refused(BadArchive).message


@both
def test_missing_first_volume_of_letters_is_named(bench: Bench, write: Writer) -> None:
    volumes = letters(write(ENTRIES, volume_bytes=100_000))
    del volumes["a.rar"]
    for name, content in volumes.items():
        bench.put(name, content)

    assert "volumes are missing: a.rar" in bench.refused(BadArchive).message


@both
def test_lone_first_volume_names_the_second(bench: Bench, write: Writer) -> None:
    bench.put("a.rar", write(ENTRIES, volume_bytes=100_000)[0])

    assert "missing" in bench.refused(BadArchive).message


@both
def test_volume_of_another_set_is_refused(bench: Bench, write: Writer) -> None:
    one, other = (write([Entry(name, BIG)], volume_bytes=100_000) for name in ("one", "other"))
    for name, content in parts([one[0], other[1], one[2]]).items():
        bench.put(name, content)

    bench.refused(BadArchive)


def test_volumes_in_the_wrong_order_are_refused(bench: Bench) -> None:
    volumes = rar5([Entry("a", BIG)], volume_bytes=100_000)
    for name, content in parts([volumes[0], volumes[2], volumes[1]]).items():
        bench.put(name, content)

    assert "is number 3 of its archive, and not 2" in bench.refused(BadArchive).message


@both
@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_truncated_archive_is_refused(bench: Bench, write: Writer, cut: float) -> None:
    content = write([Entry("a", BIG), Entry("b", BIG)])[0]
    bench.put("a.rar", content[: int(len(content) * cut)])

    bench.refused(BadArchive)


@both
def test_damaged_content_is_refused_with_its_member(bench: Bench, write: Writer) -> None:
    content = bytearray(write([Entry("a", b"1"), Entry("b", BIG)])[0])
    content[200_000] ^= 1
    bench.put("a.rar", bytes(content))

    assert "checksum of the member 'b'" in bench.refused(BadArchive).message


@both
def test_damaged_header_is_refused(bench: Bench, write: Writer) -> None:
    content = bytearray(write([Entry("the-name", b"1")])[0])
    content[content.index(b"the-name")] ^= 1
    bench.put("a.rar", bytes(content))

    assert "checksum of a header" in bench.refused(BadArchive).message


@both
def test_size_that_lies_is_refused(bench: Bench, write: Writer) -> None:
    bench.put("a.rar", write([Entry("a", b"12345", size=4)])[0])

    assert "size of the member" in bench.refused(BadArchive).message


def test_link_within_is_kept(bench: Bench) -> None:
    entries = [Entry("f", b"x"), Entry("d/l", link="symlink", target="../f"), Entry("h", link="hardlink", target="f")]
    bench.put("a.rar", rar5(entries)[0])
    bench.put("d/b.rar", rar4([Entry("g", b"y"), Entry("l", b"g", link="symlink")])[0])

    bench.extract()

    # The first archive has a directory d, as the torrent, so it gets a directory of its own.
    content = bench.content()
    assert content == {"a/f": b"x", "a/d/l": b"-> ../f", "a/h": b"x", "d/g": b"y", "d/l": b"-> g"}


@pytest.mark.parametrize("target", ["../evil", "/etc/passwd", "..\\..\\evil", "d/../../evil"])
@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_link_that_leads_out_is_refused(bench: Bench, link: str, target: str) -> None:
    bench.put("a.rar", rar5([Entry("f", b"x"), Entry("d", directory=True), Entry("l", link=link, target=target)])[0])

    bench.refused(UnsafeMember)


def test_old_link_that_leads_out_is_refused(bench: Bench) -> None:
    bench.put("a.rar", rar4([Entry("l", b"../evil", link="symlink")])[0])

    assert "leads out" in bench.refused(UnsafeMember).message


@both
@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFIFO, stat.S_IFBLK])
def test_special_file_is_refused(bench: Bench, write: Writer, kind: int) -> None:
    for method in (0, 3):
        bench.put("a.rar", write([Entry("dev", mode=kind | 0o644, method=method)])[0])
        bench.program("unrar", "echo 'UNRAR 7.00 freeware'")
        bench.before = None
        bench.refused(UnsafeMember)


@both
def test_announced_bomb_is_refused(bench: Bench, write: Writer) -> None:
    bench.program("unrar", "echo 'UNRAR 7.00 freeware'")
    bench.put("a.rar", write([Entry("a", b"x", method=3, size=2_000_000_000)])[0])

    assert "times its size" in bench.refused(TooMuch, limits=Limits()).message


@both
def test_compressed_archive_needs_the_tool_and_names_it(bench: Bench, write: Writer) -> None:
    bench.put("a.rar", write([Entry("a", b"x", method=3)])[0])

    assert "please install the package unar" in bench.refused(ToolMissing).message


def test_wrong_passwords_are_told_without_the_tool(bench: Bench) -> None:
    bench.program("unrar", "echo 'UNRAR 7.00 freeware'")
    bench.put("a.rar", rar5([Entry("a", b"x")], password="right")[0])
    bench.put("b/b.rar", rar5([Entry("a", b"x")], password="right", hidden=True)[0])

    for name in ("a.rar", "b/b.rar"):
        assert "the password does not fit" in bench.refused(PasswordRefused, name, passwords=["wrong"]).message
        assert "none of the 2" in bench.refused(PasswordRefused, name, passwords=["wrong", "bad"]).message
        error = bench.refused(PasswordRefused, name)
        assert "no password for it" in error.message
        assert not error.retryable


def test_packed_unicode_name_of_version_4_is_read(bench: Bench) -> None:
    """Names that are not plain are packed: two bits say how each character is made."""
    packed = bytes([0x04, 0b00_01_10_00]) + b"a" + b"\x1f" + b"\xe5\x65" + b"z"
    content = bytearray(rar4([Entry("x" * (4 + 1 + len(packed)), b"x")])[0])
    place = content.index(b"x" * 8)
    content[place : place + 5 + len(packed)] = b"ab?z\0" + packed
    start = 7 + 13
    flags = int.from_bytes(content[start + 3 : start + 5], "little") | 0x200
    content[start + 3 : start + 5] = flags.to_bytes(2, "little")
    size = int.from_bytes(content[start + 5 : start + 7], "little")
    content[start : start + 2] = (zlib.crc32(content[start + 2 : start + size]) & 0xFFFF).to_bytes(2, "little")
    bench.put("a.rar", bytes(content))

    bench.extract()

    assert bench.content() == {"a\u041f\u65e5z": b"x"}
