"""Seeding goals and reasons of a stop as a reader of events sees them: the same as a snapshot says."""

from __future__ import annotations

import pytest
import trio.testing

from revaer.session.messages import Act, AddTorrent, CapTorrents, Pause, Rates, Resume, SetRate, SetSequential
from revaer.types import TorrentOptions, TorrentState
from tests.session.conftest import House
from tests.support.torrents import magnet_for


@pytest.mark.parametrize(("ratio", "seconds"), [(2.5, 3600), (0.0, 0), (None, 60), (1.0, None), (None, None)])
async def test_goals_outlive_everything_that_happens_to_a_torrent(
    house: House,
    autojump_clock: trio.testing.MockClock,
    film: bytes,
    options: TorrentOptions,
    ratio: float | None,
    seconds: int | None,
) -> None:
    wish = TorrentOptions(options.download_dir, seed_ratio_limit=ratio, seed_time_limit=seconds)
    torrent_id = (await house.ask(AddTorrent(wish, magnet=magnet_for(film)))).id
    house.engine.world.seed(film)
    await house.until(torrent_id, TorrentState.SEEDING)
    for action in (SetSequential(enable=True), SetRate(5_000, None), Pause(), Resume()):
        await house.ask(Act(torrent_id, action))
        await house.agree()
    descriptor = house.reader.views[torrent_id].descriptor
    assert (descriptor.seed_ratio_limit, descriptor.seed_time_limit) == (ratio, seconds)
    assert descriptor.completed_at is not None


async def test_reason_of_a_stop_is_an_event_and_no_failure(
    house: House, autojump_clock: trio.testing.MockClock, film: bytes, options: TorrentOptions
) -> None:
    torrent_id = (await house.ask(AddTorrent(options, metainfo=film))).id
    house.engine.world.seed(film)
    await house.until(torrent_id, TorrentState.SEEDING)
    await house.ask(Act(torrent_id, Pause(reason="the ratio 1 was reached")))
    await house.agree()
    state = house.reader.views[torrent_id].state
    assert (state.kind, state.message) == (TorrentState.COMPLETED, "the ratio 1 was reached")
    await house.ask(Act(torrent_id, Resume()))
    await house.agree()
    assert house.reader.views[torrent_id].state.message is None


async def test_fallback_slows_a_transfer_and_changes_no_list(
    house: House, autojump_clock: trio.testing.MockClock, film: bytes, options: TorrentOptions
) -> None:
    view = await house.ask(AddTorrent(options, metainfo=film))
    await house.ask(CapTorrents({view.id: Rates(10_000, None)}))
    house.engine.world.seed(film, rate=1_000_000)
    await house.settle(lambda: house.engine.figures().download_bps == 10_000)
    await house.agree()
    assert house.reader.views[view.id].descriptor.max_download_bps is None
    assert "metadata_updated" not in house.reader.kinds(view.id)
