"""What the real engine says of files whose pieces it could not write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revaer.session.port import EngineState, StorageFailed
from tests.session.engine.conftest import NAME, Rig, open_rig
from tests.support.torrents import make_torrent, payload

pytestmark = pytest.mark.swarm

FILES = {"film.mkv": payload(300_000), "z/film.mkv": payload(150_000, seed=1)}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig("libtorrent", tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("attempt", range(4))
async def test_pieces_that_could_not_be_written_count_for_no_file(rig: Rig, attempt: int) -> None:
    """The pieces come in any order, so that it is tried a few times."""
    metainfo = make_torrent(FILES, name=NAME)
    await rig.seed(metainfo, FILES)
    spec = rig.spec(metainfo)
    await rig.engine.add(spec)
    await rig.status(spec.torrent_id, until=lambda status: status.state is EngineState.DOWNLOADING)
    blocker = rig.downloads / NAME / "z"
    blocker.parent.mkdir(exist_ok=True)
    blocker.write_text("in the way")
    await rig.meet(spec.torrent_id)
    await rig.event(StorageFailed)
    film, blocked = await rig.engine.file_progress(spec.torrent_id)
    assert blocked == 0
    assert film <= (await rig.status(spec.torrent_id)).total_done
