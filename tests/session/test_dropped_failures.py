"""A disk error whose notification was dropped is seen in the status, and ends by itself all the same."""

from __future__ import annotations

import errno

import trio
from trio.testing import MockClock

from revaer.types import TorrentOptions, TorrentState
from tests.session.conftest import House, add


async def test_torrent_goes_on_when_the_disk_is_well_again(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    world = house.engine.world
    world.seed(film, rate=20_000)
    view = await add(house, options, film)
    await trio.sleep(1.0)
    world.break_storage(options.download_dir, errno.ENOSPC)
    world.drop_events(5)
    await house.until(view.id, TorrentState.FAILED)
    world.heal_storage(options.download_dir)
    await house.until(view.id, TorrentState.SEEDING)
