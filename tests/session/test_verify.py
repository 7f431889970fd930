"""Which pieces are found on disk: only whole ones, of every version, whatever lies in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from revaer.session.port import InvalidMetainfo
from revaer.session.verify import whole_pieces
from tests.support.torrents import BLOCK, Version, make_torrent, payload, write_files

FILES = {"a.bin": payload(5 * BLOCK + 100), "b.bin": payload(300, seed=1), "c/d.bin": payload(3 * BLOCK, seed=2)}
VERSIONS: tuple[Version, ...] = ("v1", "v2", "hybrid")
EVERY_VERSION = pytest.mark.parametrize("version", VERSIONS)


def make(version: Version, *, piece_length: int = BLOCK) -> bytes:
    return make_torrent(FILES, name="Film", version=version, piece_length=piece_length)


@EVERY_VERSION
@pytest.mark.parametrize("piece_length", [BLOCK, 4 * BLOCK], ids=["one block", "four blocks"])
def test_whole_payload_is_found_whole(tmp_path: Path, version: Version, piece_length: int) -> None:
    write_files(tmp_path, FILES, name="Film")
    found = whole_pieces(make(version, piece_length=piece_length), str(tmp_path), [])
    assert found
    assert all(found)


@EVERY_VERSION
def test_single_file_is_found_whole(tmp_path: Path, version: Version) -> None:
    files = {"film.mkv": payload(2 * BLOCK + 5)}
    write_files(tmp_path, files, name="film.mkv")
    assert whole_pieces(make_torrent(files, name="film.mkv", version=version), str(tmp_path), []) == [True] * 3


@EVERY_VERSION
def test_without_files_only_claimed_pieces_remain(tmp_path: Path, version: Version) -> None:
    found = whole_pieces(make(version), str(tmp_path), [False, True])
    assert [at for at, flag in enumerate(found) if flag] == [1]


@EVERY_VERSION
def test_one_changed_byte_costs_one_piece(tmp_path: Path, version: Version) -> None:
    write_files(tmp_path, FILES, name="Film")
    with (tmp_path / "Film" / "a.bin").open("r+b") as file:
        file.seek(2 * BLOCK + 7)
        file.write(bytes([FILES["a.bin"][2 * BLOCK + 7] ^ 1]))
    found = whole_pieces(make(version), str(tmp_path), [])
    assert [at for at, flag in enumerate(found) if not flag] == [2]


@EVERY_VERSION
def test_truncated_file_costs_what_is_missing(tmp_path: Path, version: Version) -> None:
    write_files(tmp_path, {"a.bin": FILES["a.bin"][: 3 * BLOCK + 10]}, name="Film")
    found = whole_pieces(make(version), str(tmp_path), [])
    assert [at for at, flag in enumerate(found) if flag] == [0, 1, 2]


def test_holes_of_a_sparse_file_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "film.mkv").touch()
    os.truncate(tmp_path / "film.mkv", 4 * BLOCK)
    with (tmp_path / "film.mkv").open("r+b") as file:
        file.seek(2 * BLOCK)
        file.write(payload(BLOCK))
    content = bytes(2 * BLOCK) + payload(BLOCK) + bytes(BLOCK)
    torrent = make_torrent({"film.mkv": content}, name="film.mkv")
    assert whole_pieces(torrent, str(tmp_path), [])[2]


@pytest.mark.parametrize("obstacle", ["directory", "pipe", "dangling link"])
def test_what_is_no_file_counts_as_missing(tmp_path: Path, obstacle: str) -> None:
    path = tmp_path / "film.mkv"
    match obstacle:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to(tmp_path / "nowhere")
    torrent = make_torrent({"film.mkv": payload(BLOCK)}, name="film.mkv")
    assert whole_pieces(torrent, str(tmp_path), []) == [False]


def test_large_files_of_a_version_2_torrent_without_layers_are_not_claimed(tmp_path: Path) -> None:
    write_files(tmp_path, FILES, name="Film")
    bare = make_torrent(FILES, name="Film", version="v2", piece_layers=False)
    found = whole_pieces(bare, str(tmp_path), [])
    assert [at for at, flag in enumerate(found) if flag] == [6]


def test_cancelled_look_keeps_what_was_claimed(tmp_path: Path) -> None:
    write_files(tmp_path, FILES, name="Film")
    found = whole_pieces(make("v1"), str(tmp_path), [True], is_cancelled=lambda: True)
    assert [at for at, flag in enumerate(found) if flag] == [0]


def test_metainfo_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidMetainfo):
        whole_pieces(b"garbage", str(tmp_path), [])
