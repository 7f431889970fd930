"""Two magnets that are one torrent: the engine tells when the metadata shows it, and takes the metadata of neither."""

from __future__ import annotations

import pytest

from revaer.session.port import EngineState, MetadataArrived, TorrentsConflict
from revaer.types import TorrentId
from tests.session.engine.conftest import Rig, torrent
from tests.support.torrents import info_hashes

HYBRID = torrent("hybrid")
V1, V2 = info_hashes(HYBRID, version="hybrid")
HALVES = (f"magnet:?xt=urn:btih:{V1}", f"magnet:?xt=urn:btmh:1220{V2}")


async def add_halves(rig: Rig) -> list[TorrentId]:
    """Add both magnets and let the swarm tell what they are."""
    await rig.seed(HYBRID)
    specs = [rig.spec(half) for half in HALVES]
    for spec in specs:
        await rig.engine.add(spec)
    for spec in specs:
        await rig.meet(spec.torrent_id)
    return [spec.torrent_id for spec in specs]


async def test_conflict_names_both_and_stops_both(rig: Rig) -> None:
    pair = await add_halves(rig)
    event = await rig.event(TorrentsConflict)
    assert {event.torrent_id, event.other_id} == set(pair)
    for key in pair:
        status = await rig.status(key, until=lambda status: status.error is not None)
        assert status.state is EngineState.FETCHING_METADATA
    assert not [event for event in rig.events if isinstance(event, MetadataArrived)]


@pytest.mark.parametrize("stays", [0, 1])
async def test_one_that_enters_afresh_without_the_other_gets_its_metadata(rig: Rig, stays: int) -> None:
    pair = await add_halves(rig)
    await rig.event(TorrentsConflict)
    for key in pair:
        await rig.engine.remove(key, delete_data=False)
    spec = rig.spec(HALVES[stays])
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    arrived = await rig.event(MetadataArrived)
    assert arrived.torrent_id == spec.torrent_id
    assert arrived.parsed.hashes == rig.engine.parse_metainfo(HYBRID).hashes
