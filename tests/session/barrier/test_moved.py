"""Payload that itself goes into the library leaves the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from revaer.events import StateChanged
from revaer.fsops.messages import CancelJob
from revaer.resume.messages import Processing, ProcessingStage
from revaer.session.messages import (
    Act,
    ActionRefused,
    Recheck,
    RemoveTorrent,
    Resume,
)
from revaer.types import TorrentOptions, TorrentState, TorrentView
from tests.session.barrier.conftest import finish, stored, told
from tests.session.conftest import House, JobsOfRun, StoredTorrents, open_house


def take_away(options: TorrentOptions, into: Path) -> None:
    """Do to the payload what the mode `move` does in the end."""
    Path(options.download_dir, "Film").rename(into / "Film")


async def move_payload(house: House, view: TorrentView, options: TorrentOptions, tmp_path: Path) -> None:
    take_away(options, tmp_path)
    house.bench.complete(view.id, str(tmp_path / "Film"))


async def test_moved_torrent_is_completed_and_leaves_the_engine(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    house.moves_source = True
    view = await finish(house, options, film)
    await move_payload(house, view, options, tmp_path)
    moved = await house.until(view.id, TorrentState.COMPLETED)
    assert moved.descriptor.library_path == str(tmp_path / "Film")
    await trio.sleep(60.0)
    assert [view.state.kind for view in (await house.snapshot()).views] == [TorrentState.COMPLETED]
    with pytest.raises(ActionRefused, match="moved into the library"):
        await house.ask(Act(view.id, Resume()))


async def test_moved_torrent_stays_completed_over_a_restart(
    kept: StoredTorrents,
    tmp_path: Path,
    jobs: JobsOfRun,
    autojump_clock: MockClock,
    options: TorrentOptions,
    film: bytes,
) -> None:
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        house.moves_source = True
        view = await finish(house, options, film)
        take_away(options, tmp_path)
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        waiting = await house.view(view.id)
        house.bench.complete(view.id, str(tmp_path / "Film"))
        await house.until(view.id, TorrentState.COMPLETED)
        states = {event.state.kind for event in told(house) if isinstance(event, StateChanged)}
        assert states == {TorrentState.COMPLETED}, waiting
    async with open_house(kept, tmp_path, jobs=jobs) as house:
        await house.until(view.id, TorrentState.COMPLETED)
        await house.ask(RemoveTorrent(view.id, delete_data=True))
        assert (tmp_path / "Film" / "film.mkv").exists()


async def test_moved_torrent_is_downloaded_again_when_it_is_rechecked(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    house.moves_source = True
    view = await finish(house, options, film)
    await move_payload(house, view, options, tmp_path)
    await house.until(view.id, TorrentState.COMPLETED)
    await house.ask(Act(view.id, Recheck()))
    await house.until(view.id, TorrentState.DOWNLOADING)
    assert stored(house, view) == Processing(ProcessingStage.OUTDATED)
    assert (await house.until(view.id, TorrentState.SEEDING)).descriptor.library_path == str(tmp_path / "Film")


async def test_failed_move_lets_the_torrent_seed_on(
    house: House, autojump_clock: MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.moves_source = True
    view = await finish(house, options, film)
    house.moves_source = False
    assert house.fsops is not None
    await house.fsops.ask(CancelJob(view.id), within=5.0)
    await house.until(view.id, TorrentState.SEEDING)
