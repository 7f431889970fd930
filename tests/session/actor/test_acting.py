"""Actions, selection and looking at one torrent: durable before they take effect."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from actors import Request
from revaer.session.messages import (
    Act,
    Action,
    ActionRefused,
    ConnectPeer,
    Inspect,
    Move,
    Pause,
    Queue,
    Reannounce,
    Recheck,
    RemoveTorrent,
    ReportEngine,
    Resume,
    Select,
    SessionUnavailable,
    SetPieceDeadline,
    SetRate,
    SetSequential,
    UnknownTorrent,
)
from revaer.types import Priority, SelectionRules, TorrentId, TorrentState
from tests.session.actor.node import Node

NOBODY = TorrentId("01890000-0000-7000-8000-000000000000")


async def test_paused_torrent_stops_and_the_wish_is_stored(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        view = await node.ask(Act(key, Pause()))
        assert view.state.kind is TorrentState.STOPPED
        assert node.engine.torrents[key].paused
        assert node.shelf.intents[key].options.paused


async def test_resumed_torrent_runs_again(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add(paused=True)).id
        assert await node.state(key) is TorrentState.STOPPED
        await node.ask(Act(key, Resume()))
        assert await node.state(key) is TorrentState.DOWNLOADING
        assert not node.shelf.intents[key].options.paused


async def test_rate_is_capped_shown_and_stored(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        view = await node.ask(Act(key, SetRate(50_000, None)))
        assert (view.descriptor.max_download_bps, view.descriptor.max_upload_bps) == (50_000, None)
        assert node.shelf.intents[key].options.max_download_bps == 50_000


async def test_sequential_is_shown_and_stored(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        assert (await node.ask(Act(key, SetSequential(enable=True)))).descriptor.sequential
        assert node.shelf.intents[key].options.sequential


async def test_moved_torrent_is_stored_in_its_new_directory(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        target = str(node.root / "elsewhere")
        view = await node.ask(Act(key, Move(target)))
        await node.settled()
        assert (view.descriptor.download_dir, view.descriptor.content_path) == (target, f"{target}/Film")
        assert node.shelf.intents[key].options.download_dir == target
        assert node.shelf.intents[key].moving_to is None


async def test_refused_move_leaves_everything_as_it_was(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.refusals["move"] = "a file is in the way"
        with pytest.raises(ActionRefused, match="in the way"):
            await node.ask(Act(key, Move(str(node.root / "elsewhere"))))
        await node.settled()
        assert node.shelf.intents[key].options.download_dir == str(node.downloads)
        assert node.shelf.intents[key].moving_to is None


@pytest.mark.parametrize(
    ("action", "call"),
    [
        (Reannounce(), "reannounce"),
        (Recheck(), "recheck"),
        (SetPieceDeadline(0, 100), "set_piece_deadline"),
        (Queue("top"), "set_queue_position"),
    ],
    ids=["reannounce", "recheck", "deadline", "queue"],
)
async def test_action_reaches_the_engine(node: Node, clock: MockClock, action: Action, call: str) -> None:
    async with node.run():
        key = (await node.add()).id
        await node.ask(Act(key, action))
        assert (call, key) in node.engine.calls


async def test_refused_pause_is_not_stored(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.refusals["pause"] = "not now"
        with pytest.raises(ActionRefused, match="not now"):
            await node.ask(Act(key, Pause()))
        assert await node.state(key) is TorrentState.DOWNLOADING
        assert not node.shelf.intents[key].options.paused


async def test_action_without_the_database_is_unavailable_and_changes_nothing(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.shelf.is_away = True
        with pytest.raises(SessionUnavailable):
            await node.ask(Act(key, Pause()))
        assert not node.engine.torrents[key].paused
        assert await node.state(key) is TorrentState.DOWNLOADING


async def test_silent_engine_makes_an_action_unavailable(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.silent.add("set_rates")
        with pytest.raises(SessionUnavailable):
            await node.ask(Act(key, SetRate(1_000, None)))
        await node.settled()
        assert node.shelf.intents[key].options.max_download_bps is None


@pytest.mark.parametrize(
    "request_",
    [
        Act(NOBODY, Pause()),
        Select(NOBODY, SelectionRules()),
        Inspect(NOBODY),
        RemoveTorrent(NOBODY),
        ConnectPeer(NOBODY, "127.0.0.1", 1),
    ],
    ids=["act", "select", "inspect", "remove", "connect"],
)
async def test_unknown_torrent_is_refused(node: Node, clock: MockClock, request_: Request[Any]) -> None:
    async with node.run():
        with pytest.raises(UnknownTorrent):
            await node.ask(request_)


async def test_new_rules_reach_the_engine_the_store_and_the_detail(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        detail = await node.ask(Select(key, SelectionRules(exclude=("*.nfo",))))
        assert [file.selected for file in detail.files] == [True, False]
        assert node.engine.torrents[key].priorities == (int(Priority.NORMAL), int(Priority.SKIP))
        assert node.shelf.intents[key].options.selection.exclude == ("*.nfo",)


async def test_refused_rules_are_not_kept(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engines.faults.refusals["set_file_priorities"] = "no"
        with pytest.raises(ActionRefused):
            await node.ask(Select(key, SelectionRules(exclude=("*.nfo",))))
        await node.settled()
        assert node.shelf.intents[key].options.selection == SelectionRules()
        assert all(file.selected for file in (await node.ask(Inspect(key))).files)


async def test_detail_shows_files_with_what_is_there(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.engine.finish(key)
        await node.settled()
        detail = await node.ask(Inspect(key))
        assert [(file.path, file.size_bytes, file.bytes_completed) for file in detail.files] == [
            ("film.mkv", 60_000, 60_000),
            ("notes/film.nfo", 500, 500),
        ]


async def test_detail_is_served_while_the_database_and_the_engine_are_away(node: Node, clock: MockClock) -> None:
    async with node.run():
        key = (await node.add()).id
        node.shelf.is_away = True
        node.engines.faults.refusals["file_progress"] = "no"
        assert [file.bytes_completed for file in (await node.ask(Inspect(key))).files] == [0, 0]


async def test_report_tells_of_the_engine(node: Node, clock: MockClock) -> None:
    async with node.run():
        report = await node.ask(ReportEngine())
        assert (report.engine, report.peers, report.listening) == ("fake", 3, ("127.0.0.1:6881",))
