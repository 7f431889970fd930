from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from revaer.events import Event
from revaer.resume.messages import Processing
from revaer.types import TorrentOptions, TorrentState, TorrentView
from tests.session.conftest import House, JobsOfRun, StoredTorrents, add, open_house

READY = (TorrentState.SEEDING, TorrentState.COMPLETED)
"""What nobody may see before the library has the torrent."""


@pytest.fixture
def jobs() -> JobsOfRun:
    return JobsOfRun()


@pytest.fixture
async def house(
    kept: StoredTorrents, tmp_path: Path, jobs: JobsOfRun, autojump_clock: MockClock
) -> AsyncIterator[House]:
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        yield house


async def finish(house: House, options: TorrentOptions, film: bytes, **changes: object) -> TorrentView:
    """Add a torrent and let it complete up to the barrier."""
    house.engine.world.seed(film)
    view = await add(house, options, film, **changes)
    return await house.until(view.id, TorrentState.PROCESSING)


def stored(house: House, view: TorrentView) -> Processing | None:
    """Return what is durable of a torrent's post-processing."""
    return house.kept.intents[view.id].processing


def told(house: House) -> list[Event]:
    """Return every event up to now."""
    house.reader.catch_up()
    return house.reader.seen


__all__ = ["READY", "finish", "stored", "told"]
