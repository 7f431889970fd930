"""kill -9 in the middle of post-processing: the library has all of an entry or nothing, and it is finished later."""

from __future__ import annotations

import hashlib
import os
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from tests.support.daemon import Daemon
from tests.support.payloads import MIB, Torrent, torrent_of
from tests.support.waiting import eventually
from tests.support.watching import add, until_complete

pytestmark = pytest.mark.drill

FILM = 160 * MIB
KILLS = 6
LONGEST = 1.5
"""Seconds from the start of the job to a kill, at most."""


def a_release(root: Path) -> Torrent:
    """Make a torrent with a large archive, a large file and a small one, whole where the daemon looks for them."""
    source = random.Random(4)
    packed = root.parent / "film.zip"
    packed.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("film/film.mkv", source.randbytes(1 * MIB) * (FILM // MIB))
        archive.writestr("film/film.srt", b"words\n" * 1000)
    contents = {"film.zip": packed.read_bytes(), "extra.mkv": source.randbytes(64 * MIB), "film.nfo": b"about it\n"}
    packed.unlink()
    return torrent_of(contents, name="Film", root=root, piece_length=MIB)


def digests(root: Path) -> Mapping[str, str]:
    """Hash every file below a directory."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                found[str(path.relative_to(root))] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def entries(library: Path) -> list[str]:
    """Name what the library has, our own directory apart."""
    return sorted(path.name for path in library.iterdir() if path.name != ".revaer") if library.is_dir() else []


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
async def test_entry_is_whole_after_any_number_of_kills(
    home: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("DRILL_SEED", "") or random.SystemRandom().getrandbits(32))
    source = random.Random(seed)
    with capsys.disabled():
        print(f"\nkilled post-processing, {mode}: seed {seed} (DRILL_SEED={seed} repeats its choices)")
    node = Daemon(home / "node", changeset={"fs_policy": {"move_mode": mode}})
    library = node.data_dir / "library"
    torrent = await trio.to_thread.run_sync(a_release, node.data_dir / "downloads")
    originals = await trio.to_thread.run_sync(digests, node.data_dir / "downloads")
    try:
        await node.start()
        key = await add(node, torrent, seed_mode=True)
        unpublished = 0
        for _ in range(KILLS):
            await eventually(lambda: _has_begun(node, key), node.log_tail, within=30, every=0.01)
            await trio.sleep(source.uniform(0, LONGEST))
            await node.kill()
            there = await trio.to_thread.run_sync(entries, library)
            unpublished += not there
            if there:
                assert there == ["Film"]
                assert len(await trio.to_thread.run_sync(digests, library / "Film")) == 4, (
                    "an entry is whole or not there"
                )
            await node.start()
        with capsys.disabled():
            print(f"killed post-processing, {mode}: {unpublished} of {KILLS} kills came before the entry was published")
        detail = await until_complete(node, key, within=90)
        assert detail["library_path"] == str(library / "Film")
        published = await trio.to_thread.run_sync(digests, library / "Film")
        assert set(published) == {"extra.mkv", "film.nfo", "film/film.mkv", "film/film.srt"}
        assert await trio.to_thread.run_sync(entries, library) == ["Film"]
        assert await trio.to_thread.run_sync(digests, node.data_dir / "downloads") == originals
        report = (await node.api.http.post("/v1/fsops/verify", json={"wait_seconds": 25})).json()
        assert (report["finished"], report["findings"]) == (True, [])
        assert await node.stop() == 0
        assert not await trio.to_thread.run_sync(entries, library / ".revaer" / "work")
    finally:
        await node.close()


async def _has_begun(node: Daemon, key: str) -> bool:
    answer = await node.api.http.get(f"/v1/torrents/{key}/fsops")
    return answer.status_code == 200 and answer.json()["state"] != "queued"
