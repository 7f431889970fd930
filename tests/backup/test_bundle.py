"""The file: whole and as it was made, or refused."""

from __future__ import annotations

import errno
import io
import tarfile
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revaer.backup import manifest as manifests
from revaer.backup.bundle import read, verify, writing
from revaer.backup.errors import BackupError, BrokenBackup, UnwritableBackup
from revaer.backup.manifest import FORMAT, Manifest, Member

MEMBERS = {
    "tables/torrents/000001.jsonl": b'{"id": 1}',
    "resume/a.fastresume": bytes(range(256)) * 40,
    "private/k": b"",
}


def manifest_of(members: dict[str, Member]) -> Manifest:
    return Manifest(
        format=FORMAT,
        product="revaer",
        version="0.1.0",
        made_at="2026-01-01T00:00:00Z",
        schema_files={},
        tables={},
        sequences={},
        epoch=1,
        members=members,
    )


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A backup of a few members."""
    path = tmp_path / "node.revaer"
    with writing(path) as bundle:
        for name, content in MEMBERS.items():
            bundle.put(name, content)
        bundle.finish(manifest_of(bundle.members))
    return path


def packed(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A file of the same form with anything in it."""
    with zstd.ZstdFile(path, "w") as file, tarfile.open(fileobj=file, mode="w|") as archive:
        for head, content in members:
            head.size = len(content)
            archive.addfile(head, io.BytesIO(content))
    return path


def test_what_was_written_is_read(made: Path) -> None:
    assert dict(read(made)) == MEMBERS | {manifests.NAME: dict(read(made))[manifests.NAME]}
    assert verify(made).members["private/k"].bytes == 0


def test_only_the_owner_may_read_it(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_beside_it(made: Path) -> None:
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_an_existing_file_is_never_overwritten(made: Path) -> None:
    before = made.read_bytes()
    with pytest.raises(BackupError, match="exists"), writing(made):
        pass
    assert made.read_bytes() == before


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with writing(tmp_path / "x") as bundle:
            bundle.put("a", b"b")
            raise RuntimeError("drill")

    with pytest.raises(RuntimeError, match="drill"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x"

    def write() -> None:
        with writing(path) as bundle:
            path.write_bytes(b"mine")
            bundle.finish(manifest_of({}))

    with pytest.raises(BackupError, match="File exists"):
        write()
    assert path.read_bytes() == b"mine"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_one_that_does_not_read_as_it_was_written_gets_no_name(tmp_path: Path) -> None:
    def write() -> None:
        with writing(tmp_path / "x") as bundle:
            bundle.put("a", b"b")
            bundle.finish(manifest_of({}))

    with pytest.raises(UnwritableBackup, match="look at the disk"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".x.abc.partial"
    left.write_bytes(b"keys")
    other = tmp_path / ".y.abc.partial"
    other.write_bytes(b"of another backup")

    with writing(tmp_path / "x") as bundle:
        bundle.finish(manifest_of({}))

    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "x"]


def test_what_another_run_writes_is_left_alone(tmp_path: Path) -> None:
    with writing(tmp_path / "x") as first:
        with pytest.raises(RuntimeError), writing(tmp_path / "x"):
            raise RuntimeError
        first.finish(manifest_of({}))

    assert verify(tmp_path / "x").epoch == 1


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which a file has one name only."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("revaer.files.os.link", refuse)


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_it_has_its_name_too(tmp_path: Path) -> None:
    with writing(tmp_path / "x") as bundle:
        bundle.finish(manifest_of({}))

    assert verify(tmp_path / "x").epoch == 1
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("x", 0o600)]


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_nothing_is_overwritten_either(tmp_path: Path) -> None:
    test_a_file_that_appears_meanwhile_is_kept(tmp_path)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnwritableBackup, match="No such file"), writing(tmp_path / "no" / "x"):
        pass


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_one_that_is_cut_off_anywhere_is_refused(made: Path, share: float) -> None:
    whole = made.read_bytes()
    cut = made.with_name("cut")
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BrokenBackup):
        verify(cut)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_one_with_any_byte_changed_is_refused_or_reads_the_same(made: Path, share: float, flip: int) -> None:
    whole = bytearray(made.read_bytes())
    whole[int(len(whole) * share)] ^= flip
    changed = made.with_name("changed")
    changed.write_bytes(whole)
    try:
        manifest = verify(changed)
    except BrokenBackup:
        return
    assert manifest == verify(made)


def test_a_member_that_is_not_in_the_manifest_is_found(tmp_path: Path) -> None:
    manifest = manifest_of({}).model_dump_json().encode()
    path = packed(tmp_path / "x", [(tarfile.TarInfo("a"), b"b"), (tarfile.TarInfo(manifests.NAME), manifest)])
    with pytest.raises(BrokenBackup, match="'a' is not what its manifest says"):
        verify(path)


def test_a_member_behind_the_manifest_is_found(tmp_path: Path) -> None:
    manifest = manifest_of({}).model_dump_json().encode()
    path = packed(tmp_path / "x", [(tarfile.TarInfo(manifests.NAME), manifest), (tarfile.TarInfo("a"), b"b")])
    with pytest.raises(BrokenBackup, match="after the end"):
        verify(path)


def test_a_link_is_no_member(tmp_path: Path) -> None:
    link = tarfile.TarInfo("resume/a")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(BrokenBackup, match="nothing that a backup has"):
        verify(packed(tmp_path / "x", [(link, b"")]))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"format": 1}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BrokenBackup, match="manifest"):
        verify(packed(tmp_path / "x", [(tarfile.TarInfo(manifests.NAME), content)]))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x28\xb5\x2f\xfd"])
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(BrokenBackup):
        verify(path)
