"""Downloads leave a reserve of every volume free."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from revaer.session.disk import RESERVE, Disk, Look, reserve_of
from revaer.types import TorrentOptions, TorrentState
from tests.session.conftest import StoredTorrents, add, open_house


class Volume(Disk):
    """A disk whose free space a test sets, in bytes above the reserve."""

    def __init__(self, spare: int) -> None:
        self.spare = spare

    def look(self, directory: str) -> Look:
        look = super().look(directory)
        return Look(look.number, look.reason, look.identity, self.spare)

    def room(self, directory: str) -> int | None:
        return self.spare


@pytest.mark.parametrize(("total", "reserve"), [(0, 0), (20 << 20, 1 << 20), (20 << 30, RESERVE), (1 << 50, RESERVE)])
def test_reserve_is_a_gibibyte_and_at_most_a_twentieth(total: int, reserve: int) -> None:
    assert reserve_of(total) == reserve


async def test_download_stops_at_the_reserve_and_goes_on_when_there_is_room(
    kept: StoredTorrents, tmp_path: Path, options: TorrentOptions, film: bytes, autojump_clock: MockClock
) -> None:
    disk = Volume(-1)
    async with open_house(kept, tmp_path, disk=disk) as house:
        house.engine.world.seed(film, rate=4_000)
        view = await add(house, options, film)
        failed = await house.until(view.id, TorrentState.FAILED, within=20.0)
        assert "a reserve is kept free" in (failed.state.message or "")
        disk.spare = 1_000_000
        await house.until(view.id, TorrentState.SEEDING)


async def test_torrent_that_seeds_is_left_alone(
    kept: StoredTorrents, tmp_path: Path, options: TorrentOptions, film: bytes, autojump_clock: MockClock
) -> None:
    disk = Volume(1_000_000)
    async with open_house(kept, tmp_path, disk=disk) as house:
        house.engine.world.seed(film)
        view = await add(house, options, film)
        await house.until(view.id, TorrentState.SEEDING)
        disk.spare = -1
        await trio.sleep(60.0)
        again = await house.until(view.id, TorrentState.SEEDING)
        assert again.state.message is None
