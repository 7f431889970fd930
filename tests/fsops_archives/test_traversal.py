"""The same bad names in every format: refused, nothing left, nothing outside touched."""

import io
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from backports import zstd

from revaer.fsops.archives.errors import UnsafeMember
from tests.fsops_archives.conftest import Bench
from tests.support.archive_writer import plain_tar, stored_zip, tar_file, tar_special, tarred, zipped
from tests.support.rar_writer import Entry, rar4, rar5

BAD = [
    "../evil",
    "a/../../evil",
    "/tmp/revaer-evil",
    "C:/evil",
    "c:evil",
    "..\\evil",
    "a\\..\\..\\evil",
    "a\nb",
    "x" * 256,
]
PAIRS = [("Same", "same"), ("caf\u00e9", "cafe\u0301"), ("twice", "twice"), ("Dir/a", "dir/b"), ("a", "a/b")]

FORMATS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "a.zip": zipped,
    "a.tar": plain_tar,
    "a.tar.gz": lambda files: plain_tar(files, "w:gz"),
    "a.tar.bz2": lambda files: plain_tar(files, "w:bz2"),
    "a.tar.xz": lambda files: plain_tar(files, "w:xz"),
    "a.tar.zst": lambda files: zstd.compress(plain_tar(files)),
    "a.rar": lambda files: rar5([Entry(name, content) for name, content in files.items()])[0],
    "old.rar": lambda files: rar4([Entry(name, content) for name, content in files.items()])[0],
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", FORMATS)
def test_bad_name_is_refused(bench: Bench, form: str, name: str) -> None:
    bench.put(f"d/{form}", FORMATS[form]({"good": b"x" * 5000, name: b"y"}))

    error = bench.refused(UnsafeMember)

    assert error.path == f"d/{form}"
    assert not error.retryable


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_colliding_names_are_refused(bench: Bench, form: str, first: str, second: str) -> None:
    if first == second:
        content = {
            "a.zip": lambda: stored_zip(b"twice", b"x")[:36] + zipped({"x": b""}),
            "a.rar": lambda: rar5([Entry("twice"), Entry("twice")])[0],
            "old.rar": lambda: rar4([Entry("twice"), Entry("twice")])[0],
        }.get(form, lambda: tarred([tar_file("twice"), tar_file("twice")]))()
        if form == "a.zip":
            content = twice_in_a_zip()
    else:
        content = FORMATS[form]({first: b"x", second: b"y"})
    bench.put(form, content)

    bench.refused(UnsafeMember)


def twice_in_a_zip() -> bytes:
    """The standard library warns and writes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("twice", b"1")
        archive.writestr("twice", b"2")
    return target.getvalue()


@pytest.mark.parametrize("target", ["/", "..", "../..", "/tmp", "work"])
def test_link_then_file_through_it_is_refused(bench: Bench, target: str) -> None:
    bench.put("a.tar", tarred([tar_special("out", tarfile.SYMTYPE, target), tar_file("out/evil")]))
    bench.put("b/b.zip", zipped({"out": target.encode(), "out/evil": b"x"}, modes={"out": 0o120777}))
    entries = [Entry("out", link="symlink", target=target), Entry("out/evil", b"x")]
    bench.put("c/c.rar", rar5(entries)[0])
    bench.put("d/d.rar", rar4([Entry("out", target.encode(), link="symlink"), Entry("out/evil", b"x")])[0])

    for name in ("a.tar", "b/b.zip", "c/c.rar", "d/d.rar"):
        bench.refused(UnsafeMember, name)
