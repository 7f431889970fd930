"""Zip files."""

import stat
import struct
import zipfile
import zlib

import pytest
from backports import zstd

from revaer.fsops.archives.errors import BadArchive, TooMuch, UnsafeMember
from revaer.fsops.tools import ToolMissing
from revaer.fsops.types import Limits
from tests.fsops_archives.conftest import Bench
from tests.support.archive_writer import RawMember, local_header, raw_zip, stored_zip, zipped

TEXT = b"some content that repeats, " * 4000


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_members_come_out_as_they_went_in(bench: Bench, method: int) -> None:
    files = {"a.txt": TEXT, "d/e/b.bin": b"", "d/c": b"x"}
    bench.put("a.zip", zipped(files, method=method))

    extraction = bench.extract()

    assert bench.content() == files
    assert extraction.consumed == {"a.zip"}
    assert (extraction.archives[0].members, extraction.archives[0].files) == (3, 3)
    assert extraction.archives[0].bytes == sum(map(len, files.values()))
    assert bench.progress[-1] == extraction.archives[0].bytes


def test_content_of_exactly_one_piece_comes_out_whole(bench: Bench) -> None:
    files = {str(size): bytes(size) for size in (512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 1 << 20)}
    bench.put("a.zip", zipped(files))

    bench.extract()

    assert bench.content() == files


def test_zstandard_member_comes_out(bench: Bench) -> None:
    packed = zstd.compress(TEXT)
    body = local_header(b"a", packed, method=93) + packed
    member = RawMember(b"a", 0, len(TEXT), zlib.crc32(TEXT), packed=len(packed))
    bench.put("a.zip", raw_zip(body, [member], method=93))

    bench.extract()

    assert bench.content() == {"a": TEXT}


def test_permissions_are_plain_and_setuid_is_dropped(bench: Bench) -> None:
    modes = {"run": 0o104755, "read": 0o100600, "all": 0o106777, "d/": 0o043777}
    bench.put("a.zip", zipped({"run": b"", "read": b"", "all": b"", "d/": b""}, modes=modes))

    bench.extract()

    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.into.iterdir()}
    assert found == {"run": 0o755, "read": 0o644, "all": 0o755, "d": 0o755}


def test_time_of_a_member_is_kept(bench: Bench) -> None:
    bench.put("a.zip", zipped({"a": b"x"}))

    bench.extract()

    assert (bench.into / "a").stat().st_mtime == 1580702706


def test_utf8_without_its_flag_and_code_page_437_are_read(bench: Bench) -> None:
    bench.put("a.zip", stored_zip("Bücher.txt".encode(), b"1"))
    bench.put("b.zip", stored_zip("Äpfel".encode("cp437"), b"2"))

    bench.extract()

    assert bench.content() == {"Bücher.txt": b"1", "Äpfel": b"2"}


def test_backslash_of_a_dos_program_separates(bench: Bench) -> None:
    bench.put("a.zip", stored_zip(b"dir\\file", b"1", system=0))

    bench.extract()

    assert bench.content() == {"dir/file": b"1"}


@pytest.mark.parametrize("name", [b"..\\..\\evil", b"\\evil", b"c:\\evil", b"..\\evil"])
def test_backslashes_of_a_dos_program_lead_nowhere(bench: Bench, name: bytes) -> None:
    bench.put("a.zip", stored_zip(name, b"1", system=0))

    bench.refused(UnsafeMember)


def test_link_within_is_kept(bench: Bench) -> None:
    bench.put("a.zip", zipped({"d/link": b"../file", "file": b"x"}, modes={"d/link": 0o120777}))

    bench.extract()

    assert bench.content() == {"d/link": b"-> ../file", "file": b"x"}


@pytest.mark.parametrize(
    "mode", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK], ids=["char", "block", "pipe", "socket"]
)
def test_special_file_is_refused(bench: Bench, mode: int) -> None:
    bench.put("a.zip", zipped({"a": b"", "dev": b""}, modes={"dev": mode | 0o644}))

    error = bench.refused(UnsafeMember)

    assert "'dev'" in error.message
    assert error.path == "a.zip"


def test_empty_archive_is_consumed(bench: Bench) -> None:
    bench.put("a.zip", zipped({}))

    assert bench.extract().consumed == {"a.zip"}
    assert bench.content() == {}


@pytest.mark.parametrize("cut", [1, 10, 30, 100])
def test_truncated_archive_is_refused(bench: Bench, cut: int) -> None:
    bench.put("a.zip", zipped({"a": TEXT, "b": TEXT})[:-cut])

    bench.refused(BadArchive)


def test_archive_that_lost_its_begin_is_refused(bench: Bench) -> None:
    bench.put("a.zip", zipped({"a": TEXT})[60:])

    bench.refused(BadArchive)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_damaged_content_is_refused_with_its_member(bench: Bench, method: int) -> None:
    content = bytearray(zipped({"first": b"1", "second": bytes(range(256)) * 400}, method=method))
    content[len(content) // 2] ^= 0x55
    bench.put("d/a.zip", bytes(content))

    error = bench.refused(BadArchive)

    assert "'second'" in error.message
    assert error.path == "d/a.zip"
    assert not error.retryable


def test_member_that_is_larger_than_it_says_is_refused(bench: Bench) -> None:
    packed = zlib.compress(TEXT, wbits=-15)
    body = local_header(b"a", packed, method=8) + packed
    bench.put("a.zip", raw_zip(body, [RawMember(b"a", 0, 10, zlib.crc32(TEXT[:10]), packed=len(packed))], method=8))

    assert "more content than it says" in bench.refused(BadArchive).message


def test_overlapping_members_are_refused(bench: Bench) -> None:
    """The flat bomb: a member's content is another member whole, with its own header."""
    kernel = local_header(b"inner", b"k" * 50) + b"k" * 50
    body = local_header(b"outer", kernel) + kernel
    start = len(body) - len(kernel)
    members = [
        RawMember(b"outer", 0, len(kernel), zlib.crc32(kernel)),
        RawMember(b"inner", start, 50, zlib.crc32(b"k" * 50)),
    ]
    bench.put("a.zip", raw_zip(body, members))

    assert "overlaps" in bench.refused(BadArchive).message


def test_member_that_reaches_into_the_directory_is_refused(bench: Bench) -> None:
    bench.put("a.zip", raw_zip(local_header(b"a", b"x" * 90), [RawMember(b"a", 0, 90)]))

    assert "overlaps its directory" in bench.refused(BadArchive).message


def test_name_that_differs_from_the_directory_is_refused(bench: Bench) -> None:
    body = local_header(b"other", b"x") + b"x"
    bench.put("a.zip", raw_zip(body, [RawMember(b"named", 0, 1, zlib.crc32(b"x"))]))

    assert "differ" in bench.refused(BadArchive).message


def test_directory_of_absurd_size_is_not_read(bench: Bench) -> None:
    content = bytearray(stored_zip(b"a", b"x"))
    struct.pack_into("<L", content, len(content) - 10, 0x7FFFFFFF)
    bench.put("a.zip", bytes(content))

    assert "absurd size" in bench.refused(BadArchive).message


def test_last_volume_of_a_spanned_archive_alone_is_refused(bench: Bench) -> None:
    content = bytearray(stored_zip(b"a", b"x"))
    struct.pack_into("<2H", content, len(content) - 18, 2, 2)
    bench.put("a.zip", bytes(content))

    assert "last of 3 volumes" in bench.refused(BadArchive).message


def test_announced_bomb_is_refused_before_it_goes_off(bench: Bench) -> None:
    bench.put("a.zip", zipped({"zeros": bytes(10_000_000)}))

    assert "100 times" in bench.refused(TooMuch, limits=Limits(max_ratio=100)).message
    assert "more than 9999999 bytes" in bench.refused(TooMuch, limits=Limits(9_999_999, 1e6)).message


def test_too_many_members_are_refused(bench: Bench) -> None:
    bench.put("a.zip", zipped({str(number): b"" for number in range(11)}))

    assert "more than 10 files" in bench.refused(TooMuch, limits=Limits(max_files=10)).message


@pytest.mark.parametrize(("flags", "method"), [(1, 0), (0, 9), (0, 14), (0, 98)])
def test_rare_archive_needs_the_tool_and_names_it(bench: Bench, flags: int, method: int) -> None:
    body = local_header(b"a", b"x", flags=flags, method=method) + b"x"
    bench.put("a.zip", raw_zip(body, [RawMember(b"a", 0, 1, zlib.crc32(b"x"), flags=flags)], method=method))

    error = bench.refused(ToolMissing)

    assert "7zip" in error.message
    assert error.path == "a.zip"
