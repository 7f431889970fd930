"""The extensions of the wanted files are known to every list: from the add, from metadata, after every selection."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio.testing

from revaer.events import MetadataUpdated
from revaer.session.describe import extensions_of
from revaer.session.messages import AddTorrent, Select
from revaer.types import SelectionRules, TorrentOptions, TorrentState
from tests.session.conftest import House, StoredTorrents, add, open_house
from tests.support.torrents import magnet_for


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a/film.MKV", "a/b.srt", "c.mkv"], {"mkv", "srt"}),
        (["backup.tar.gz", "one.tgz"], {"tar.gz", "gz", "tgz"}),
        (["README", ".hidden", "dir.ext/file", "dot."], set()),
        ([], set()),
    ],
    ids=["some", "compound", "none", "no files"],
)
def test_extensions_are_what_follows_the_last_dot_of_a_name(paths: list[str], expected: set[str]) -> None:
    assert extensions_of(paths) == expected


def test_equal_sets_are_one_object() -> None:
    assert extensions_of(["a.mkv", "b.srt"]) is extensions_of(["c.SRT", "d/e.mkv"])


async def test_wanted_files_of_an_added_torrent_count(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film, selection=SelectionRules(exclude=("*.nfo",)))
    assert view.descriptor.extensions == frozenset({"mkv"})


async def test_selection_changes_what_counts_and_readers_hear_of_it(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    assert view.descriptor.extensions == frozenset({"mkv", "nfo"})
    await house.ask(Select(view.id, SelectionRules(include=("*.nfo",))))
    house.reader.catch_up()
    assert house.reader.views[view.id].descriptor.extensions == frozenset({"nfo"})
    told = [event for event in house.reader.seen if isinstance(event, MetadataUpdated)]
    assert not [event for event in told if "extensions" in event.changed], "no field of a list"


async def test_files_of_a_magnet_count_from_the_moment_they_are_known(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await house.ask(AddTorrent(options, magnet=magnet_for(film)))
    assert view.descriptor.extensions is None
    house.engine.world.seed(film)
    done = await house.until(view.id, TorrentState.SEEDING)
    assert done.descriptor.extensions == frozenset({"mkv", "nfo"})


async def test_extensions_are_there_after_a_restart(
    kept: StoredTorrents, options: TorrentOptions, film: bytes, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_house(kept, tmp_path) as house:
        key = (await add(house, options, film)).id
    async with open_house(kept, tmp_path) as house:
        await house.until(key, TorrentState.DOWNLOADING)
        view = await house.view(key)
        assert view is not None
        assert view.descriptor.extensions == frozenset({"mkv", "nfo"})
