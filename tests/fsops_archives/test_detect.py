"""The content says which format an archive has, and whether it is one."""

import bz2
import gzip
import os
from pathlib import Path

import pytest

from revaer.fsops.archives.detect import Kind, find_sets
from revaer.fsops.archives.errors import BadArchive
from revaer.fsops.tools import ToolName
from tests.support.archive_writer import plain_tar, zipped
from tests.support.rar_writer import Entry, rar4, rar5

CONTENTS = {
    Kind.ZIP: zipped({"a": b"x"}),
    Kind.TAR: plain_tar({"a": b"x"}),
    Kind.TAR_GZ: plain_tar({"a": b"x"}, "w:gz"),
    Kind.TAR_BZ2: plain_tar({"a": b"x"}, "w:bz2"),
    Kind.TAR_XZ: plain_tar({"a": b"x"}, "w:xz"),
    Kind.SEVENZIP: b"7z\xbc\xaf\x27\x1c" + b"\0" * 26,
    Kind.RAR4: rar4([Entry("a", b"x")])[0],
    Kind.RAR5: rar5([Entry("a", b"x")])[0],
}


def kinds(root: Path, **files: bytes) -> dict[str, Kind]:
    for name, content in files.items():
        (root / name).write_bytes(content)
    return {found.first: found.kind for found in find_sets(root, list(files))}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", ["a.zip", "a.rar", "a.7z", "a.tar", "a.tar.gz", "a.tar.zst"])
def test_content_decides_and_not_the_name(tmp_path: Path, kind: Kind, name: str) -> None:
    assert kinds(tmp_path, **{name: CONTENTS[kind]}) == {name: kind}


@pytest.mark.parametrize("name", ["a.zip", "a.rar", "a.7z", "a.tar", "a.tar.xz"])
@pytest.mark.parametrize("content", [b"", b"text", b"\x1f\x8b\x08", os.urandom(2048)], ids=len)
def test_archive_by_name_only_is_unknown(tmp_path: Path, name: str, content: bytes) -> None:
    assert kinds(tmp_path, **{name: content}) == {name: Kind.UNKNOWN}


def test_archive_under_another_name_is_let_be(tmp_path: Path) -> None:
    assert kinds(tmp_path, **{"book.epub": CONTENTS[Kind.ZIP], "a.jar": CONTENTS[Kind.ZIP]}) == {}


def test_compressed_file_is_an_archive_only_when_a_tar_is_in_it(tmp_path: Path) -> None:
    files = {"log.gz": gzip.compress(b"line\n" * 300), "dump.bz2": bz2.compress(b"x"), "tree.gz": CONTENTS[Kind.TAR_GZ]}

    assert kinds(tmp_path, **files) == {"tree.gz": Kind.TAR_GZ}


def test_large_block_of_bzip2_is_read_far_enough(tmp_path: Path) -> None:
    content = plain_tar({"a": os.urandom(800_000)}, "w:bz2")

    assert kinds(tmp_path, **{"a.tbz2": content}) == {"a.tbz2": Kind.TAR_BZ2}


def test_zeros_are_an_empty_tar_only_by_name(tmp_path: Path) -> None:
    assert kinds(tmp_path, **{"a.tar": bytes(10240), "disk.001": bytes(10240)}) == {"a.tar": Kind.TAR}


def test_zip_may_have_a_program_before_it(tmp_path: Path) -> None:
    assert kinds(tmp_path, **{"a.zip": b"MZ" + b"\x90" * 3000 + CONTENTS[Kind.ZIP]}) == {"a.zip": Kind.ZIP}


def test_split_film_is_no_archive_and_a_split_zip_is(tmp_path: Path) -> None:
    half = len(CONTENTS[Kind.ZIP]) // 2
    files = {
        "film.mkv.001": b"\x1aE\xdf\xa3" + bytes(600),
        "film.mkv.002": b"x",
        "a.001": CONTENTS[Kind.ZIP][:half],
        "a.002": CONTENTS[Kind.ZIP][half:],
    }

    assert kinds(tmp_path, **files) == {"a.001": Kind.ZIP}


def test_stray_letter_volume_of_something_else_is_let_be(tmp_path: Path) -> None:
    assert kinds(tmp_path, **{"save.r00": b"not a rar"}) == {}


def test_link_and_pipe_under_an_archive_name_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    with pytest.raises(BadArchive, match="no regular file"):
        find_sets(tmp_path, ["a.zip"])

    (tmp_path / "b.zip").symlink_to(tmp_path / "a.zip")
    with pytest.raises(OSError, match="symbolic links"):
        find_sets(tmp_path, ["b.zip"])


def test_only_seven_zip_is_known_to_need_a_tool(tmp_path: Path) -> None:
    for name, kind in (("a.zip", Kind.ZIP), ("b.7z", Kind.SEVENZIP), ("c.rar", Kind.RAR5)):
        (tmp_path / name).write_bytes(CONTENTS[kind])

    tools = [found.tool for found in find_sets(tmp_path, ["a.zip", "b.7z", "c.rar"])]
    assert tools == [None, ToolName.SEVENZIP, None]
