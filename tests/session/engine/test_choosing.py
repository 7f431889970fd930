"""A magnet whose files were just chosen: it is not finished before it has what is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revaer.session.port import DownloadFinished, EngineState, MetadataArrived, StatusBatch
from tests.session.engine.conftest import Rig, magnet, open_rig, torrent
from tests.support.held_loop import begun

pytestmark = pytest.mark.swarm


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig("libtorrent", tmp_path) as opened:
        yield opened


async def test_magnet_is_never_finished_before_it_has_what_is_wanted(rig: Rig) -> None:
    await rig.seed(torrent())
    spec = rig.spec(magnet())
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    arrived = await rig.event(MetadataArrived)
    rig.engine.request_statuses(everything=True)
    await begun(rig.engine.set_file_priorities(spec.torrent_id, [4] * len(arrived.parsed.files)), lambda: None)
    await rig.event(DownloadFinished)
    told = [item for event in rig.events if isinstance(event, StatusBatch) for item in event.items]
    early = [item for item in told if item.state in (EngineState.FINISHED, EngineState.SEEDING) and not item.wanted]
    assert early == []
