"""Tar files, compressed and not."""

import gzip
import io
import stat
import tarfile

import pytest
from backports import zstd

from revaer.fsops.archives.errors import BadArchive, TooMuch, UnsafeMember
from revaer.fsops.types import Limits
from tests.fsops_archives.conftest import Bench
from tests.support.archive_writer import plain_tar, tar_file, tar_special, tarred

TEXT = b"some content that repeats, " * 60_000
FILES = {"a.txt": TEXT, "d/e/b.bin": b"", "d/c": b"x" * 512}
PACKED = {
    "a.tar": plain_tar(FILES),
    "a.tar.gz": plain_tar(FILES, "w:gz"),
    "a.tar.bz2": plain_tar(FILES, "w:bz2"),
    "a.tar.xz": plain_tar(FILES, "w:xz"),
    "a.tar.zst": zstd.compress(plain_tar(FILES)),
}


@pytest.mark.parametrize("name", PACKED)
def test_members_come_out_as_they_went_in(bench: Bench, name: str) -> None:
    bench.put(name, PACKED[name])

    extraction = bench.extract()

    assert bench.content() == FILES
    assert extraction.consumed == {name}
    assert extraction.archives[0].bytes == sum(map(len, FILES.values()))


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("part", [0.05, 0.5, 0.97])
def test_truncated_archive_is_refused(bench: Bench, name: str, part: float) -> None:
    bench.put(name, PACKED[name][: int(len(PACKED[name]) * part)])

    bench.refused(BadArchive)


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_damage_after_the_last_member_is_found(bench: Bench, name: str) -> None:
    """The checksum at the very end of a stream is read too."""
    content = bytearray(PACKED[name])
    content[-6] ^= 0xFF
    bench.put(name, bytes(content))

    bench.refused(BadArchive)


@pytest.mark.parametrize("name", list(PACKED)[1:])
def test_damage_in_the_middle_is_found(bench: Bench, name: str) -> None:
    content = bytearray(PACKED[name])
    middle = len(content) // 2
    content[middle : middle + 40] = b"\xff" * 40
    bench.put(name, bytes(content))

    bench.refused(BadArchive)


def test_tar_without_end_mark_is_refused(bench: Bench) -> None:
    bench.put("a.tar", plain_tar({"a": b"x"})[:1024])

    assert "truncated" in bench.refused(BadArchive).message


def test_damaged_header_in_the_middle_is_not_taken_for_the_end(bench: Bench) -> None:
    content = bytearray(plain_tar({"a": b"x", "b": b"y"}))
    content[1024 + 3] ^= 1
    bench.put("a.tar", bytes(content))

    assert "bad checksum" in bench.refused(BadArchive).message


def test_streams_in_a_row_are_one(bench: Bench) -> None:
    content = plain_tar(FILES)
    bench.put("a.tar.gz", gzip.compress(content[:5000]) + gzip.compress(content[5000:]) + bytes(512))

    bench.extract()

    assert bench.content() == FILES


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_dialects_are_read(bench: Bench, form: int) -> None:
    name = "/".join(["directory-of-some-length"] * 4) + "/file"
    bench.put("a.tar", tarred([tar_file(name, b"x")], form=form))

    bench.extract()

    assert bench.content() == {name: b"x"}


def test_name_of_255_bytes_comes_out_and_a_longer_one_is_refused(bench: Bench) -> None:
    bench.put("a.tar", plain_tar({"x" * 255: b"1", "ü" * 127: b"2"}))
    bench.extract()
    assert set(bench.content()) == {"x" * 255, "ü" * 127}

    bench.put("d/b.tar", plain_tar({"x" * 256: b"1"}))
    bench.before = None
    bench.into = bench.into.with_name("second")
    assert "255 bytes" in bench.refused(UnsafeMember, "d/b.tar").message


def test_permissions_are_plain_and_setuid_is_dropped(bench: Bench) -> None:
    members = [tar_file("run", b"", 0o6711), tar_file("read", b"", 0o7400), tar_special("d", tarfile.DIRTYPE)]
    bench.put("a.tar", tarred(members))

    bench.extract()

    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.into.iterdir()}
    assert found == {"run": 0o755, "read": 0o644, "d": 0o755}
    assert (bench.into / "run").stat().st_mtime == 1_600_000_000


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.CHRTYPE, "a character device"),
        (tarfile.BLKTYPE, "a block device"),
        (tarfile.FIFOTYPE, "a named pipe"),
    ],
)
def test_special_file_is_refused(bench: Bench, kind: bytes, what: str) -> None:
    bench.put("a.tar", tarred([tar_file("a"), tar_special("dev", kind)]))

    assert what in bench.refused(UnsafeMember).message


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../evil", "../../evil", "d/../../evil", "", "a/" * 3000, "self", "d/loop"]
)
def test_link_that_leads_out_or_nowhere_is_refused(bench: Bench, target: str) -> None:
    members = [
        tar_special("d", tarfile.DIRTYPE),
        tar_special("self", tarfile.SYMTYPE, target),
        tar_special("d/loop", tarfile.SYMTYPE, "../self"),
    ]
    bench.put("a.tar", tarred(members))

    bench.refused(UnsafeMember)


def test_link_out_by_way_of_another_link_is_refused(bench: Bench) -> None:
    """By the letter `deep/down/up/../evil` stays inside; but `up` is the root, and its parent is outside."""
    members = [
        tar_special("deep/down/up", tarfile.SYMTYPE, "../.."),
        tar_special("deep/down/out", tarfile.SYMTYPE, "up/../evil"),
    ]
    bench.put("a.tar", tarred(members))

    assert "leads out" in bench.refused(UnsafeMember).message


@pytest.mark.parametrize("target", ["..", "/tmp", "d"])
def test_file_through_a_link_is_refused(bench: Bench, target: str) -> None:
    bench.put("a.tar", tarred([tar_special("link", tarfile.SYMTYPE, target), tar_file("link/evil")]))

    assert "both a directory" in bench.refused(UnsafeMember).message


def test_links_within_are_kept(bench: Bench) -> None:
    members = [
        tar_special("d/link", tarfile.SYMTYPE, "../file"),
        tar_special("here", tarfile.SYMTYPE, "."),
        tar_special("dangling", tarfile.SYMTYPE, "d/absent"),
        tar_file("file", b"x"),
    ]
    bench.put("a.tar", tarred(members))

    bench.extract()

    assert bench.content() == {"d/link": b"-> ../file", "here": b"-> .", "dangling": b"-> d/absent", "file": b"x"}


def test_hard_link_within_is_a_second_name(bench: Bench) -> None:
    bench.put("a.tar", tarred([tar_file("a", b"x"), tar_special("d/b", tarfile.LNKTYPE, "./a")]))

    bench.extract()

    assert (bench.into / "a").samefile(bench.into / "d" / "b")


def test_bytes_of_a_hard_link_count_as_those_of_a_copy(bench: Bench) -> None:
    links = [tar_special(f"b{number}", tarfile.LNKTYPE, "a") for number in range(20)]
    bench.put("a.tar", tarred([tar_file("a", bytes(100_000)), *links]))

    error = bench.refused(TooMuch, limits=Limits(max_extracted_bytes=2_000_000, max_ratio=1e6))

    assert "more than 2000000 bytes" in error.message
    assert bench.extract().archives[0].bytes == 2_100_000


@pytest.mark.parametrize("target", ["../evil", "/etc/passwd", "later", "link", "d"])
def test_hard_link_to_no_earlier_file_is_refused(bench: Bench, target: str) -> None:
    members = [
        tar_special("d", tarfile.DIRTYPE),
        tar_special("link", tarfile.SYMTYPE, "later"),
        tar_special("hard", tarfile.LNKTYPE, target),
        tar_file("later"),
    ]
    bench.put("a.tar", tarred(members))

    assert "hard link" in bench.refused(UnsafeMember).message


def test_extended_header_of_absurd_size_is_not_read(bench: Bench) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    info.size = 1 << 33
    bench.put("a.tar", info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))

    assert "absurd size" in bench.refused(BadArchive).message


def test_endless_chain_of_long_names_is_refused(bench: Bench) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 2
    bench.put("a.tar", (info.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(512, b"\0")) * 5000)

    bench.refused(BadArchive)


def test_bomb_is_refused_while_it_goes_off(bench: Bench) -> None:
    bench.put("a.tar.xz", plain_tar({"zeros": bytes(20_000_000)}, "w:xz"))

    assert "100 times" in bench.refused(TooMuch, limits=Limits(max_ratio=100)).message


def test_bomb_behind_the_end_mark_is_refused(bench: Bench) -> None:
    """Everything up to the checksum is read, but not without limit."""
    bench.put("a.tar.gz", gzip.compress(plain_tar({"a": b"x"}) + bytes(20_000_000)))

    assert "100 times" in bench.refused(TooMuch, limits=Limits(max_ratio=100)).message


def test_sparse_file_keeps_its_holes_and_counts_in_full(bench: Bench) -> None:
    bench.put("a.tar", gnu_sparse(1 << 20))

    bench.extract()

    out = bench.into / "holes"
    assert out.stat().st_size == 1 << 20
    assert out.stat().st_blocks * 512 < 1 << 18
    assert out.read_bytes()[512:1024] == b"s" * 512

    bench.into = bench.into.with_name("second")
    bench.before = None
    bench.refused(TooMuch, limits=Limits(max_extracted_bytes=1 << 19, max_ratio=1e6))


def gnu_sparse(size: int) -> bytes:
    """A tar with a sparse file of which only the second block has content, as GNU tar writes it."""
    info = tarfile.TarInfo("holes")
    info.size = 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:398], header[398:410] = b"%011o\0" % 512, b"%011o\0" % 512
    header[410:422], header[422:434] = b"%011o\0" % size, b"%011o\0" % 0
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"s" * 512 + bytes(1024)


def test_empty_archives_are_consumed(bench: Bench) -> None:
    target = io.BytesIO()
    tarfile.open(fileobj=target, mode="w").close()
    bench.put("a.tar", target.getvalue())
    bench.put("b.tgz", gzip.compress(target.getvalue()))

    assert bench.extract().consumed == {"a.tar", "b.tgz"}
    assert bench.content() == {}
