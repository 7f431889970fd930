from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from revaer.session.messages import AddTorrent, DuplicateTorrent, InvalidSource, SessionUnavailable
from revaer.types import Priority, SelectionRules, TorrentOptions, TorrentState
from tests.session.conftest import House, add
from tests.support.torrents import magnet_for


async def test_added_torrent_is_durable_when_answered(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    assert house.kept.intents[view.id].metainfo == film
    assert view.descriptor.name == "Film"
    assert view.descriptor.content_path == f"{options.download_dir}/Film"


async def test_download_completes_with_its_events_in_order(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    house.engine.world.seed(film)
    done = await house.until(view.id, TorrentState.SEEDING)
    house.reader.catch_up()
    kinds = house.reader.kinds(view.id)
    assert kinds[:2] == ["torrent_added", "files_discovered"]
    assert kinds.count("completed") == 1
    assert done.descriptor.completed_at is not None
    assert done.progress.percent_complete == 100.0
    await house.settle(lambda: house.kept.intents[view.id].completed_at is not None)
    await house.settle(lambda: view.id in house.kept.records)


async def test_magnet_learns_its_files_and_keeps_its_name(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await house.ask(AddTorrent(options=options, magnet=magnet_for(film)))
    assert view.state.kind is TorrentState.FETCHING_METADATA
    house.engine.world.seed(film)
    done = await house.until(view.id, TorrentState.SEEDING)
    assert done.descriptor.info_hash == view.descriptor.info_hash
    assert done.descriptor.name == "Film"
    await house.settle(lambda: house.kept.intents[view.id].metainfo == film)


async def test_selection_is_applied_before_metadata_brings_payload(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    wish = replace(options, selection=SelectionRules(skip_fluff=True))
    view = await house.ask(AddTorrent(options=wish, magnet=magnet_for(film)))
    house.engine.world.seed(film)
    done = await house.until(view.id, TorrentState.SEEDING)
    assert done.progress.bytes_total == 200_000 + 80
    assert not (Path(options.download_dir) / "Film/sample/sample.mkv").exists()


async def test_start_paused_does_not_transfer(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film, paused=True)
    assert view.state.kind is TorrentState.STOPPED
    await trio.sleep(5)
    later = await house.view(view.id)
    assert later is not None
    assert later.progress.bytes_downloaded == 0


async def test_known_info_hash_is_refused_with_the_existing_id(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    with pytest.raises(DuplicateTorrent) as caught:
        await house.ask(AddTorrent(options=options, magnet=magnet_for(film)))
    assert caught.value.existing == view.id


async def test_two_concurrent_adds_of_one_torrent_leave_one(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    refused = []

    async def try_add() -> None:
        try:
            await add(house, options, film)
        except DuplicateTorrent as error:
            refused.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(try_add)
        nursery.start_soon(try_add)
    assert len(refused) == 1
    assert len((await house.snapshot()).views) == 1
    assert len(house.kept.intents) == 1


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"d4:infod4:name", b"le"])
async def test_garbage_metainfo_is_refused_with_its_pointer(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, garbage: bytes
) -> None:
    with pytest.raises(InvalidSource) as caught:
        await house.ask(AddTorrent(options=options, metainfo=garbage))
    assert caught.value.pointer == "/metainfo"
    assert house.kept.intents == {}


async def test_magnet_without_hash_is_refused(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions
) -> None:
    with pytest.raises(InvalidSource) as caught:
        await house.ask(AddTorrent(options=options, magnet="magnet:?dn=nothing"))
    assert caught.value.pointer == "/magnet"


async def test_priority_of_a_file_that_does_not_exist_is_refused(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    rules = SelectionRules(priorities={7: Priority.HIGH})
    with pytest.raises(InvalidSource) as caught:
        await add(house, options, film, selection=rules)
    assert caught.value.pointer == "/priorities/7"


async def test_unusable_download_dir_is_refused(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(InvalidSource) as caught:
        await add(house, options, film, download_dir=str(tmp_path / "file" / "below"))
    assert caught.value.pointer == "/download_dir"


async def test_add_while_the_database_is_away_leaves_nothing(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.kept.is_away = True
    with pytest.raises(SessionUnavailable):
        await add(house, options, film)
    assert (await house.snapshot()).views == ()
    house.kept.is_away = False
    view = await add(house, options, film)
    await trio.sleep(60)
    assert view.id in house.kept.intents
