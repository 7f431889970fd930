"""The facts that goals and clean-up decide by: fresh from engine and disk, and unknown rather than guessed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from trio.testing import MockClock

from revaer.session.messages import (
    MAX_FACTS,
    Act,
    ActionRefused,
    AddTorrent,
    Move,
    Pause,
    PayloadFacts,
    ReadPayloadFacts,
    ReadSeedingFacts,
    RemoveTorrent,
    SeedingFacts,
    SessionUnavailable,
    UnknownTorrent,
)
from revaer.session.port import EngineState
from revaer.types import SelectionRules, TorrentId, TorrentState
from tests.session.actor.node import FILES, Node
from tests.support.torrents import magnet_for, make_torrent, payload, write_files

NOBODY = TorrentId("01890000-0000-7000-8000-000000000000")
TOTAL = sum(map(len, FILES.values()))


async def seed(node: Node, name: str = "Film") -> TorrentId:
    """Add a torrent whose payload is there, and have it complete."""
    key = (await node.add(name)).id
    write_files(node.downloads, FILES, name=name)
    node.engine.finish(key)
    await node.settled()
    return key


async def facts(node: Node, key: TorrentId) -> SeedingFacts:
    return (await node.ask(ReadSeedingFacts((key,))))[key]


async def look(node: Node, key: TorrentId) -> PayloadFacts:
    return await node.ask(ReadPayloadFacts(key))


# Seeding.


async def test_facts_are_those_of_the_engine_now(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        torrent = node.engine.torrents[key]
        torrent.uploaded, torrent.seeding_seconds = 3 * TOTAL, 77  # nobody is told of it
        assert await facts(node, key) == SeedingFacts(key, TorrentState.SEEDING, complete=True, ratio=3.0, seconds=77.0)
        assert (await node.views())[key].progress.ratio == 0.0


async def test_unfinished_torrent_is_not_complete(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        found = await facts(node, key)
        assert (found.state, found.complete) == (TorrentState.DOWNLOADING, False)


async def test_completion_that_is_not_announced_yet_is_unknown(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.silent.add("flush")
        node.engine.finish(key)
        await node.settled(1.0)
        assert (await facts(node, key)).complete is None


async def test_check_leaves_ratio_and_completeness_unknown(node: Node, clock: MockClock) -> None:
    """While it checks, the engine holds a part of it, and a ratio of that part would be far too good."""
    async with node.run():
        key = await seed(node)
        node.engine.torrents[key].state = EngineState.CHECKING
        node.engine.torrents[key].seeding_seconds = 5
        found = await facts(node, key)
        assert (found.complete, found.ratio, found.seconds) == (None, None, 5.0)


async def test_magnet_without_metadata_is_unknown(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add_magnet()).id
        found = await facts(node, key)
        assert (found.state, found.complete, found.ratio) == (TorrentState.FETCHING_METADATA, None, None)


async def test_paused_torrent_is_complete_and_does_not_seed(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        await node.ask(Act(key, Pause()))
        found = await facts(node, key)
        assert (found.state, found.complete) == (TorrentState.COMPLETED, True)


async def test_torrent_that_the_engine_does_not_have_is_unknown(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
    node.downloads.rename(node.root / "away")
    async with node.run():
        await node.settled()
        assert await facts(node, key) == SeedingFacts(key, TorrentState.FAILED)


async def test_unknown_torrents_are_left_out_of_the_facts(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        found = await node.ask(ReadSeedingFacts((NOBODY, key)))
        assert set(found) == {key}
        assert await node.ask(ReadSeedingFacts(())) == {}


async def test_too_many_are_refused(node: Node, clock: MockClock) -> None:
    async with node.run():
        many = tuple(TorrentId(str(number)) for number in range(MAX_FACTS + 1))
        assert await node.ask(ReadSeedingFacts(many[1:])) == {}
        with pytest.raises(ActionRefused, match="at most 1000"):
            await node.ask(ReadSeedingFacts(many))


async def test_silent_engine_makes_facts_unavailable(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.silent.add("statuses")
        with pytest.raises(SessionUnavailable):
            await facts(node, key)


# Payload.


async def test_whole_payload_is_readable_and_has_one_link(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        assert await look(node, key) == PayloadFacts(readable=True, links=1, used_by=(), detail="")


async def test_smallest_number_of_links_counts(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        for path in FILES:
            os.link(node.downloads / "Film" / path, node.root / path.replace("/", "-"))
        assert (await look(node, key)).links == 2
        (node.root / "film.mkv").unlink()
        assert (await look(node, key)).links == 1


@pytest.mark.parametrize(
    ("harm", "detail"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b"short"), "has 5 bytes instead of 60000"),
        (lambda path: (path.unlink(), path.mkdir()), "is no plain file"),
        (lambda path: (path.rename(f"{path}.real"), path.symlink_to(f"{path}.real")), "is no plain file"),
    ],
    ids=["missing", "short", "folder", "link"],
)
async def test_payload_that_is_not_whole_is_not_readable(
    node: Node, clock: MockClock, harm: Callable[[Path], object], detail: str
) -> None:
    async with node.run():
        key = await seed(node)
        harm(node.downloads / "Film" / "film.mkv")
        found = await look(node, key)
        assert (found.readable, found.links, found.used_by) == (False, None, None)
        assert detail in found.detail


async def test_folder_in_the_way_is_said(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        shutil.rmtree(node.downloads / "Film")
        (node.downloads / "Film").write_text("no folder")
        found = await look(node, key)
        assert found.readable is False
        assert "Not a directory" in found.detail


async def test_unwanted_file_need_not_be_there(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(selection=SelectionRules(exclude=("notes/*",)))).id
        write_files(node.downloads, {"film.mkv": FILES["film.mkv"]}, name="Film")
        assert (await look(node, key)).readable is True
        unwanted = node.downloads / "Film" / "notes" / "film.nfo"
        unwanted.parent.mkdir()
        unwanted.write_bytes(b"a part")
        os.link(node.downloads / "Film" / "film.mkv", node.root / "copy.mkv")
        found = await look(node, key)
        assert (found.readable, found.links) == (True, 1)


async def test_torrent_of_which_nothing_is_there_is_not_readable(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(selection=SelectionRules(exclude=("**",)))).id
        found = await look(node, key)
        assert (found.readable, found.detail) == (False, "none of its files is there")


async def test_magnet_has_no_files_to_look_at(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add_magnet()).id
        assert await look(node, key) == PayloadFacts(detail="its files are not known")


async def test_nobody_has_no_payload(node: Node, clock: MockClock) -> None:
    async with node.run():
        with pytest.raises(UnknownTorrent):
            await look(node, NOBODY)


async def test_payload_on_the_move_is_unknown(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        node.engines.faults.silent.add("move")
        (node.root / "library").mkdir()
        node.session.try_tell(Act(key, Move(str(node.root / "library"))))
        await node.settled()
        assert await look(node, key) == PayloadFacts(detail="its files are being moved")


# Who else has it.


async def add_single(node: Node, name: str, content: bytes, folder: Path) -> TorrentId:
    """Add a torrent of one file."""
    metainfo = make_torrent({name: content}, name=name)
    return (await node.ask(AddTorrent(node.options(download_dir=str(folder)), metainfo=metainfo))).id


async def test_other_torrent_with_the_same_file_is_named(node: Node, clock: MockClock) -> None:
    """One has the whole folder, the other just a file in it."""
    async with node.run():
        key = await seed(node)
        other = await add_single(node, "film.mkv", FILES["film.mkv"], node.downloads / "Film")
        assert (await look(node, key)).used_by == (other,)
        assert (await look(node, other)).used_by == (key,)
        await node.ask(RemoveTorrent(other))
        assert (await look(node, key)).used_by == ()


async def test_another_way_to_the_same_file_is_seen_through(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        (node.root / "by-link").symlink_to(node.downloads)
        other = await add_single(node, "film.mkv", FILES["film.mkv"], node.root / "by-link" / "Film")
        assert (await look(node, key)).used_by == (other,)


async def test_hard_link_is_another_file(node: Node, clock: MockClock) -> None:
    """It stays when this one goes."""
    async with node.run():
        key = await seed(node)
        (node.root / "cross").mkdir()
        os.link(node.downloads / "Film" / "film.mkv", node.root / "cross" / "film.mkv")
        await add_single(node, "film.mkv", FILES["film.mkv"], node.root / "cross")
        assert (await look(node, key)).used_by == ()


async def test_other_torrents_beside_it_do_not_count(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        await seed(node, "Other")
        await node.add_magnet("Magnet")
        assert (await look(node, key)).used_by == ()


async def test_file_of_the_same_name_and_another_size_is_the_same_place(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        other = await add_single(node, "film.mkv", payload(123), node.downloads / "Film")
        assert (await look(node, key)).used_by == (other,)


async def test_use_is_unknown_while_the_list_comes_from_copies(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
    node.shelf.is_away = True
    async with node.run():
        await node.settled()
        found = await look(node, key)
        assert (found.readable, found.links, found.used_by) == (True, 1, None)
        assert found.detail == "the list of torrents is not complete"


async def test_use_is_unknown_when_a_torrents_files_are(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        other = (await node.add("Broken")).id
    node.shelf.intents[other] = replace(node.shelf.intents[other], metainfo=b"rubbish")
    async with node.run():
        await node.settled()
        found = await look(node, key)
        assert found.used_by is None
        assert "are not known" in found.detail


async def test_metadata_of_a_magnet_makes_its_files_count(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = await seed(node)
        single = make_torrent({"film.mkv": FILES["film.mkv"]}, name="film.mkv")
        folder = node.options(download_dir=str(node.downloads / "Film"))
        other = (await node.ask(AddTorrent(folder, magnet=magnet_for(single)))).id
        assert (await look(node, key)).used_by == ()
        node.engine.bring_metadata(other, single)
        await node.settled()
        assert (await look(node, key)).used_by == (other,)
