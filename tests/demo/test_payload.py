"""The made-up release: its plan, its bytes, its `.torrent`, and the look at what arrived."""

import hashlib
from pathlib import Path

import libtorrent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.demo.payload import Release, content, inspect_download, make_release
from revaer.demo.plan import RELEASE, SMALLEST, plan_release

MIB = 1024 * 1024


def nothing() -> None:
    """The checkpoint of somebody who never gives up."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("payload")


@pytest.fixture(scope="module")
def release(folder: Path) -> Release:
    """The smallest release, on disk."""
    return make_release(plan_release(SMALLEST), folder, nothing)


@pytest.fixture
def downloads(release: Release, tmp_path: Path) -> Path:
    """A directory with exactly what was wanted."""
    for file in release.plan.wanted:
        path = tmp_path / RELEASE / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(content(file.path, file.size)))
    return tmp_path


@given(st.integers(SMALLEST, 64 * 1024**3))
def test_a_plan_has_the_size_and_its_unwanted_files_fill_whole_pieces(size: int) -> None:
    plan = plan_release(size)

    assert plan.size == size
    assert all(file.size > 0 for file in plan.files)
    assert (plan.size - plan.wanted_bytes) % plan.piece_length == 0
    assert list(plan.files[: len(plan.unwanted)]) == list(plan.unwanted)
    assert plan.wanted_bytes > size // 2


def test_a_plan_has_what_a_release_has() -> None:
    plan = plan_release(256 * MIB)

    assert [(Path(file.path).suffix, file.wanted) for file in plan.files] == [
        (".jpg", False),
        (".mkv", False),
        (".mkv", True),
        (".nfo", True),
        (".srt", True),
        (".srt", True),
    ]
    assert plan.piece_length == 512 * 1024


def test_a_plan_for_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="smallest"):
        plan_release(SMALLEST - 1)


def test_content_is_the_same_at_every_run_and_never_repeats() -> None:
    chunks = list(content("a", 3 * MIB + 5))

    assert chunks == list(content("a", 3 * MIB + 5))
    assert [len(chunk) for chunk in chunks] == [MIB, MIB, MIB, 5]
    assert len({chunk[:5] for chunk in chunks}) == 4
    assert next(content("b", 5)) != next(content("a", 5))


def test_the_torrent_describes_the_files_as_they_are(release: Release, folder: Path) -> None:
    for file in release.plan.files:
        written = (folder / RELEASE / file.path).read_bytes()
        assert len(written) == file.size
        assert hashlib.sha256(written).hexdigest() == release.digests[file.path]


def test_the_engine_reads_the_torrent_as_meant(release: Release) -> None:
    bare = libtorrent.load_torrent_buffer(release.metainfo()).ti
    parameters = libtorrent.load_torrent_buffer(release.metainfo("http://127.0.0.1:1/announce"))

    assert bare is not None
    assert parameters.ti is not None
    assert str(bare.info_hashes().v1) == release.info_hash == str(parameters.ti.info_hashes().v1)
    assert parameters.trackers == ["http://127.0.0.1:1/announce"]
    assert bare.num_pieces() == release.pieces
    everything = b"".join(b"".join(content(file.path, file.size)) for file in release.plan.files)
    first = everything[: release.plan.piece_length]
    assert bare.hash_for_piece(0) == hashlib.sha1(first, usedforsecurity=False).digest()


def test_giving_up_is_possible_at_every_chunk(tmp_path: Path) -> None:
    def give_up() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        make_release(plan_release(SMALLEST), tmp_path, give_up)


def test_a_whole_download_has_nothing_to_complain_about(release: Release, downloads: Path) -> None:
    findings = inspect_download(release, downloads, nothing)

    assert len(findings.matching) == len(release.plan.wanted)
    assert (findings.missing, findings.different, findings.uninvited) == ((), (), ())


def test_what_is_missing_different_or_uninvited_is_named(release: Release, downloads: Path) -> None:
    film, nfo, *_others = release.plan.wanted
    (downloads / RELEASE / nfo.path).unlink()
    with (downloads / RELEASE / film.path).open("r+b") as stream:
        stream.write(b"\0")
    (downloads / RELEASE / "Sample").mkdir()
    (downloads / RELEASE / "Sample" / "a.mkv").touch()

    findings = inspect_download(release, downloads, nothing)

    assert findings.missing == (f"{RELEASE}/{nfo.path}",)
    assert findings.different == (f"{RELEASE}/{film.path}",)
    assert findings.uninvited == (f"{RELEASE}/Sample/a.mkv",)


def test_a_download_that_never_began_is_missing(release: Release, tmp_path: Path) -> None:
    findings = inspect_download(release, tmp_path / "nowhere", nothing)

    assert len(findings.missing) == len(release.plan.wanted)
