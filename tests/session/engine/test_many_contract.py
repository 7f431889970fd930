"""What every engine must do with many torrents at once: one suite over the real and the simulated one."""

from __future__ import annotations

import pytest

from revaer.session.port import EngineClosed, EngineRefused
from revaer.types import TorrentId
from tests.session.engine.conftest import Rig
from tests.support.torrents import make_torrent

UNKNOWN = TorrentId("01900000-0000-7000-8000-000000000000")


async def add_some(rig: Rig, count: int = 3) -> list[TorrentId]:
    ids = []
    for index in range(count):
        spec = rig.spec(make_torrent({f"f{index}": bytes(100)}, name=f"f{index}"), paused=True)
        await rig.engine.add(spec)
        ids.append(spec.torrent_id)
    return ids


async def test_many_are_resumed_and_paused_as_one_is(rig: Rig) -> None:
    ids = await add_some(rig)
    assert await rig.engine.resume_many({ids[0]: True, ids[1]: False}) == {}
    flags = [(status.paused, status.auto_managed) for status in [await rig.status(key) for key in ids]]
    assert flags == [(False, True), (False, False), (True, False)]
    assert await rig.engine.pause_many(ids) == {}
    flags = [(status.paused, status.auto_managed) for status in [await rig.status(key) for key in ids]]
    assert flags == [(True, False)] * 3


async def test_unknown_ones_are_refused_and_disturb_no_other(rig: Rig) -> None:
    (known,) = await add_some(rig, 1)
    refusals = await rig.engine.resume_many({UNKNOWN: True, known: True})
    assert {key: type(error) for key, error in refusals.items()} == {UNKNOWN: EngineRefused}
    assert not (await rig.status(known)).paused
    refusals = await rig.engine.pause_many([known, UNKNOWN])
    assert list(refusals) == [UNKNOWN]
    assert (await rig.status(known)).paused


async def test_none_at_all_is_answered(rig: Rig) -> None:
    assert await rig.engine.pause_many([]) == {}
    assert await rig.engine.resume_many({}) == {}


async def test_closed_engine_changes_nothing(rig: Rig) -> None:
    ids = await add_some(rig)
    await rig.engine.close(within=1.0)
    with pytest.raises(EngineClosed):
        await rig.engine.pause_many(ids)
    with pytest.raises(EngineClosed):
        await rig.engine.resume_many(dict.fromkeys(ids, True))
