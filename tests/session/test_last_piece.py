"""Writing fails when the engine has received the last piece: what it claims by then is not believed.

It counts a piece as had when its hash is right, before it is written, and when it has all of them it does not take a
failed write back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.messages import Act, Inspect, Resume, SetSequential
from revaer.session.records import record_pieces
from revaer.types import TorrentId, TorrentState
from tests.session.conftest import FakeStore, StoredTorrents
from tests.session.test_on_libtorrent import BLOCK, FILES, FILM, NAME, add, assert_on_disk, until_done
from tests.support.real_peer import Seeder, loopback, open_seeder
from tests.support.whole_node import WholeNode, open_node


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
async def node(tmp_path: Path, kept: StoredTorrents) -> AsyncIterator[WholeNode]:
    async with open_node(
        tmp_path, engine=open_libtorrent, store=lambda: FakeStore(kept), settings=loopback()
    ) as opened:
        yield opened


@pytest.fixture
async def seeder(tmp_path: Path) -> AsyncIterator[Seeder]:
    async with open_seeder(tmp_path / "seeder") as opened:
        await opened.seed(FILM, FILES, name=NAME)
        yield opened


async def done_by_another(node: WholeNode, torrent_id: TorrentId, folder: Path) -> None:
    """Complete it from another seeder: the engine does not dial one again that it left as a seed among seeds."""
    async with open_seeder(folder) as another:
        await another.seed(FILM, FILES, name=NAME)
        await until_done(node, another, torrent_id)


async def test_file_where_a_folder_must_be_fails_the_download_until_it_is_gone(
    node: WholeNode, seeder: Seeder, tmp_path: Path
) -> None:
    blocker = node.downloads / NAME / "z"
    view = await add(node, paused=True)
    await node.ask(Act(view.id, SetSequential(enable=True)))
    blocker.parent.mkdir(parents=True)
    blocker.write_text("in the way")
    await node.ask(Act(view.id, Resume()))
    await seeder.meet(node, view.id)
    failed = await node.until(view.id, TorrentState.FAILED)
    assert "by itself" in (failed.state.message or "")
    blocker.unlink()
    await done_by_another(node, view.id, tmp_path / "another")
    assert_on_disk(node.downloads, FILES)


async def test_detail_of_a_failed_download_counts_no_byte_of_a_file_that_is_not_there(
    node: WholeNode, seeder: Seeder
) -> None:
    blocker = node.downloads / NAME / "z"
    view = await add(node, paused=True)
    await node.ask(Act(view.id, SetSequential(enable=True)))
    blocker.parent.mkdir(parents=True)
    blocker.write_text("in the way")
    await node.ask(Act(view.id, Resume()))
    await seeder.meet(node, view.id)
    await node.until(view.id, TorrentState.FAILED)
    detail = await node.ask(Inspect(view.id))
    assert {file.path: file.bytes_completed for file in detail.files}["z/notes.txt"] == 0


async def test_piece_that_a_full_disk_did_not_take_is_downloaded_again(
    node: WholeNode, seeder: Seeder, tmp_path: Path
) -> None:
    """/dev/full takes nothing, as a full disk; what a full disk leaves of a sparse file is a hole."""
    last = node.downloads / NAME / "z" / "notes.txt"
    view = await add(node, paused=True)
    await node.ask(Act(view.id, SetSequential(enable=True)))
    last.parent.mkdir(parents=True)
    last.symlink_to("/dev/full")
    await node.ask(Act(view.id, Resume()))
    await seeder.meet(node, view.id)
    await node.until(view.id, TorrentState.FAILED)
    last.unlink()
    last.write_bytes(bytes(BLOCK))
    await done_by_another(node, view.id, tmp_path / "another")
    assert_on_disk(node.downloads, FILES)


async def test_record_does_not_claim_what_is_not_on_disk(node: WholeNode, seeder: Seeder, kept: StoredTorrents) -> None:
    last = node.downloads / NAME / "z" / "notes.txt"
    view = await add(node, paused=True)
    await node.ask(Act(view.id, SetSequential(enable=True)))
    last.parent.mkdir(parents=True)
    last.symlink_to("/dev/full")
    await node.ask(Act(view.id, Resume()))
    await seeder.meet(node, view.id)
    await node.until(view.id, TorrentState.FAILED)
    kept.records.clear()
    assert node.supervisor is not None
    node.supervisor.stop()
    await node.eventually(lambda: not node.session.running, "stopped")
    claimed = record_pieces(kept.records[view.id], 81) if view.id in kept.records else []
    assert not (claimed and claimed[80])
