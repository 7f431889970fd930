"""Moves that were interrupted: finished at the next start, or told with what to do, and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors import ActorDown, Stamped
from revaer.events import SelectionReconciled
from revaer.resume.messages import Removing
from revaer.session.messages import Act, ActionRefused, Move, Pause, RemoveTorrent, Resume, SessionUnavailable
from revaer.types import TorrentId, TorrentState
from tests.session.actor.node import FILES, Node
from tests.support.torrents import encode, write_files

FILM = "Film/film.mkv"
NOTES = "Film/notes/film.nfo"


class Scene:
    """A torrent that was stopped whole in one directory while it moved to another."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.source, self.target = node.downloads, node.root / "volume" / "elsewhere"
        self.key = TorrentId("")

    async def prepare(self) -> None:
        """Have the torrent stored with a move that never came to its end."""
        node = self.node
        async with node.run():
            self.key = (await node.add()).id
            node.engine.finish(self.key)
            await node.settled()
        node.shelf.records[self.key] = encode({"pieces": bytes([1] * 4)})
        node.shelf.intents[self.key] = replace(node.shelf.intents[self.key], moving_to=str(self.target))
        write_files(self.source, FILES, name="Film")
        self.target.mkdir(parents=True)

    def carry(self, *paths: str) -> None:
        """Let some files be in the new place already."""
        for path in paths:
            (self.target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.source / path, self.target / path)

    @contextmanager
    def unmounted(self) -> Iterator[None]:
        """Take the volume of the target away."""
        shutil.move(self.node.root / "volume", self.node.root / "unplugged")
        yield
        shutil.move(self.node.root / "unplugged", self.node.root / "volume")

    def assert_moved(self, where: Path) -> None:
        assert (where / FILM).read_bytes() == FILES["film.mkv"]
        assert (where / NOTES).read_bytes() == FILES["notes/film.nfo"]
        other = self.source if where == self.target else self.target
        assert not (other / "Film").exists()

    async def assert_runs_in(self, where: Path) -> None:
        node = self.node
        await node.settled()
        view = (await node.views())[self.key]
        assert view.state.kind is not TorrentState.FAILED, view.state.message
        assert (view.descriptor.download_dir, view.descriptor.content_path) == (str(where), f"{where}/Film")
        assert node.engine.torrents[self.key].spec.download_dir == str(where)
        stored = node.shelf.intents[self.key]
        assert (stored.options.download_dir, stored.moving_to) == (str(where), None)


@pytest.fixture
def scene(node: Node) -> Scene:
    return Scene(node)


@pytest.mark.parametrize("carried", [(), (FILM,), (FILM, NOTES)], ids=["nothing", "some", "all"])
async def test_interrupted_move_is_finished_at_the_next_start(
    scene: Scene, clock: MockClock, carried: tuple[str, ...]
) -> None:
    await scene.prepare()
    scene.carry(*carried)
    node = scene.node
    with node.bus.subscribe("test", wants=lambda event: isinstance(event, SelectionReconciled)) as events:
        async with node.run():
            await scene.assert_runs_in(scene.target)
            assert node.engine.torrents[scene.key].spec.record == node.shelf.records[scene.key]
        told = await anext(events)
    scene.assert_moved(scene.target)
    assert isinstance(told, Stamped)
    assert isinstance(told.event, SelectionReconciled)
    assert "move was interrupted" in told.event.reason


async def test_copy_that_was_begun_on_another_disk_is_completed(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    (scene.target / "Film").mkdir()
    (scene.target / FILM).write_bytes(FILES["film.mkv"][:10_000])
    async with scene.node.run():
        await scene.assert_runs_in(scene.target)
    scene.assert_moved(scene.target)


async def test_pieces_of_unwanted_files_move_too(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    name = f".{scene.node.shelf.intents[scene.key].info_hash}.parts"
    (scene.source / name).write_bytes(b"parts")
    async with scene.node.run():
        await scene.assert_runs_in(scene.target)
    assert (scene.target / name).read_bytes() == b"parts"


async def test_session_that_crashes_while_a_torrent_moves_finishes_the_move(scene: Scene, clock: MockClock) -> None:
    node = scene.node
    async with node.run():
        scene.key = (await node.add()).id
        write_files(scene.source, FILES, name="Film")
        node.engines.faults.silent.add("move")

        async def move() -> None:
            with pytest.raises(ActorDown):
                await node.ask(Act(scene.key, Move(str(scene.target))))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(move)
            while ("move", scene.key) not in node.engine.calls:
                await trio.lowlevel.checkpoint()
            assert node.shelf.intents[scene.key].moving_to == str(scene.target)
            scene.carry(FILM)
            assert node.supervisor is not None
            node.supervisor.crash("session", RuntimeError("drill"))
        await node.settled(5.0)
        await scene.assert_runs_in(scene.target)
    scene.assert_moved(scene.target)


async def test_change_of_another_wish_keeps_the_unfinished_move(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    with scene.unmounted():
        async with scene.node.run():
            await scene.node.settled()
            await scene.node.ask(Act(scene.key, Pause()))
            await scene.node.settled()
            assert scene.node.shelf.intents[scene.key].options.paused
            assert scene.node.shelf.intents[scene.key].moving_to == str(scene.target)


@pytest.mark.parametrize("carried", [(), (FILM,)], ids=["nothing", "some"])
async def test_missing_target_fails_the_torrent_with_advice_until_it_is_back(
    scene: Scene, clock: MockClock, carried: tuple[str, ...]
) -> None:
    await scene.prepare()
    scene.carry(*carried)
    node = scene.node
    shutil.move(node.root / "volume", node.root / "unplugged")
    async with node.run():
        await node.settled()
        shown = (await node.views())[scene.key].state
        assert shown.kind is TorrentState.FAILED
        assert str(scene.target) in (shown.message or "")
        assert "mount its volume" in (shown.message or "")
        assert scene.key not in node.engine.torrents
        assert not scene.target.exists()
        shutil.move(node.root / "unplugged", node.root / "volume")
        await node.settled(120.0)
        await scene.assert_runs_in(scene.target)
    scene.assert_moved(scene.target)


async def test_resume_tries_at_once_whether_the_target_is_back(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    node = scene.node
    shutil.move(node.root / "volume", node.root / "unplugged")
    async with node.run():
        await node.settled()
        with pytest.raises(ActionRefused, match="mount its volume"):
            await node.ask(Act(scene.key, Resume()))
        shutil.move(node.root / "unplugged", node.root / "volume")
        await node.ask(Act(scene.key, Resume()))
        await scene.assert_runs_in(scene.target)


async def test_foreign_file_in_the_new_place_gives_the_move_up_when_nothing_moved(
    scene: Scene, clock: MockClock
) -> None:
    await scene.prepare()
    (scene.target / "Film").mkdir()
    (scene.target / FILM).write_bytes(b"mine")
    async with scene.node.run():
        await scene.assert_runs_in(scene.source)
    assert (scene.target / FILM).read_bytes() == b"mine"
    assert (scene.source / FILM).read_bytes() == FILES["film.mkv"]


async def test_foreign_file_in_the_new_place_is_told_when_something_moved(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    scene.carry(NOTES)
    (scene.target / FILM).write_bytes(b"mine")
    node = scene.node
    async with node.run():
        await node.settled()
        shown = (await node.views())[scene.key].state
        assert shown.kind is TorrentState.FAILED
        assert "take it out of the way" in (shown.message or "")
        (scene.target / FILM).unlink()
        await node.settled(120.0)
        await scene.assert_runs_in(scene.target)
    scene.assert_moved(scene.target)


async def test_move_back_brings_the_files_together_where_they_were(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    scene.carry(NOTES)
    (scene.target / FILM).write_bytes(b"mine")
    node = scene.node
    async with node.run():
        await node.settled()
        await node.ask(Act(scene.key, Move(str(scene.source))))
        await scene.assert_runs_in(scene.source)
    assert (scene.source / NOTES).read_bytes() == FILES["notes/film.nfo"]
    assert (scene.target / FILM).read_bytes() == b"mine"


async def test_move_to_a_third_directory_takes_everything_along(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    scene.carry(NOTES)
    (scene.target / FILM).write_bytes(b"mine")
    node, third = scene.node, scene.node.root / "third"
    async with node.run():
        await node.settled()
        view = await node.ask(Act(scene.key, Move(str(third))))
        assert view.descriptor.download_dir == str(third)
        assert ("move", scene.key) in node.engine.calls
        assert (scene.source / NOTES).exists(), "together again before the engine moved it"


async def test_move_away_from_a_target_out_of_reach_needs_every_verified_file(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    scene.carry(NOTES)
    node = scene.node
    with scene.unmounted():
        async with node.run():
            await node.settled()
            with pytest.raises(ActionRefused, match="mount its volume"):
                await node.ask(Act(scene.key, Move(str(scene.source))))
            assert node.shelf.intents[scene.key].moving_to == str(scene.target)


async def test_move_away_from_a_target_out_of_reach_goes_when_nothing_is_there(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    with scene.unmounted():
        async with scene.node.run():
            await scene.node.settled()
            await scene.node.ask(Act(scene.key, Move(str(scene.source))))
            await scene.assert_runs_in(scene.source)


async def test_move_again_to_the_same_target_says_what_is_still_wrong(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    node = scene.node
    with scene.unmounted():
        async with node.run():
            await node.settled()
            with pytest.raises(ActionRefused, match="mount its volume"):
                await node.ask(Act(scene.key, Move(str(scene.target))))


async def test_magnet_without_metadata_has_nothing_to_move(scene: Scene, clock: MockClock) -> None:
    node = scene.node
    async with node.run():
        key = (await node.add_magnet()).id
    node.shelf.intents[key] = replace(node.shelf.intents[key], moving_to=str(scene.target))
    async with node.run():
        await node.settled()
        assert node.engine.torrents[key].spec.download_dir == str(scene.target)
        assert node.shelf.intents[key].options.download_dir == str(scene.target)


async def test_removal_with_data_of_a_torrent_between_two_places_deletes_all_of_it(
    scene: Scene, clock: MockClock
) -> None:
    await scene.prepare()
    scene.carry(FILM)
    node = scene.node
    node.shelf.intents[scene.key] = replace(node.shelf.intents[scene.key], removing=Removing(delete_data=True))
    async with node.run():
        await node.settled(5.0)
        assert ("remove_with_data", scene.key) in node.engine.calls
        assert scene.key not in node.shelf.intents
    scene.assert_moved(scene.target)  # where the engine, which is no real one, was told to delete it


async def test_data_of_a_torrent_whose_move_cannot_be_finished_is_not_deleted(scene: Scene, clock: MockClock) -> None:
    await scene.prepare()
    with scene.unmounted():
        async with scene.node.run():
            await scene.node.settled()
            with pytest.raises((ActionRefused, SessionUnavailable)):
                await scene.node.ask(RemoveTorrent(scene.key, delete_data=True))
    assert (scene.source / FILM).exists()
