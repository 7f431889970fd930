"""The real engine drops notifications while the session runs on it: what is shown is right, and the loss is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actors import HealthState
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.messages import Act, AddTorrent, Pause, RemoveTorrent, ReportEngine, Resume
from revaer.types import TorrentId, TorrentState, TorrentView
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.held_loop import QUEUE, begun, drown
from tests.support.real_peer import Seeder, loopback, open_seeder
from tests.support.torrents import make_torrent, payload, write_files
from tests.support.whole_node import WholeNode, open_node

pytestmark = pytest.mark.swarm

FILES = {"film.mkv": payload(400_000), "note.txt": payload(20_000, seed=1)}
NAME = "Film"
FILM = make_torrent(FILES, name=NAME)


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
async def node(tmp_path: Path, kept: StoredTorrents) -> AsyncIterator[WholeNode]:
    """A node whose engine keeps very few notifications."""
    tiny = loopback(extra={"alert_queue_size": QUEUE})
    async with open_node(
        tmp_path, engine=open_libtorrent, store=lambda: FakeStore(kept), settings=tiny, serves=True
    ) as opened:
        yield opened


@pytest.fixture
async def seeder(tmp_path: Path) -> AsyncIterator[Seeder]:
    async with open_seeder(tmp_path / "seeder") as opened:
        await opened.seed(FILM, FILES, name=NAME)
        yield opened


async def add(node: WholeNode, **options: Any) -> TorrentView:
    return await node.ask(AddTorrent(node.options(**options), metainfo=FILM))


async def report_drops(node: WholeNode) -> int:
    return (await node.ask(ReportEngine())).alerts_dropped


def handle_of(node: WholeNode, torrent_id: TorrentId) -> Any:
    return node.engine._roster.get(torrent_id).handle


async def test_download_that_ends_unheard_is_completed_and_stored(
    node: WholeNode, seeder: Seeder, kept: StoredTorrents
) -> None:
    view = await add(node)
    await seeder.meet(node, view.id)
    handle = handle_of(node, view.id)
    drown(node.engine, view.id, until=lambda _: bool(handle.status().is_seeding))
    await node.until(view.id, lambda view: view.descriptor.completed_at is not None)
    done = await node.until(view.id, TorrentState.SEEDING)
    assert done.progress.percent_complete == 100.0
    assert node.kinds(view.id).count("completed") == node.kinds(view.id).count("files_discovered") == 1
    for path, content in FILES.items():
        assert (node.downloads / NAME / path).read_bytes() == content
    await node.eventually(lambda: kept.intents[view.id].completed_at is not None, "the completion is stored")
    await node.eventually(lambda: view.id in kept.records, "its record is stored")
    assert (await node.detail(view.id)).files[0].bytes_completed == len(FILES["film.mkv"])


async def test_action_whose_answer_is_lost_is_answered_and_shown(node: WholeNode) -> None:
    write_files(node.downloads, FILES, name=NAME)
    view = await add(node, seed_mode=True)
    await node.until(view.id, TorrentState.SEEDING)
    for action, state in ((Pause(), TorrentState.COMPLETED), (Resume(), TorrentState.SEEDING)):
        after = await begun(node.ask(Act(view.id, action)), lambda: drown(node.engine, view.id))
        assert after.state.kind is state
        await node.until(view.id, state)


async def test_torrents_added_and_removed_while_nobody_listens_are_there_and_gone(
    node: WholeNode, kept: StoredTorrents
) -> None:
    first = await add(node, paused=True)
    for number in range(QUEUE - 1):
        other = make_torrent({"f": payload(100, seed=number)}, name=f"f{number}")
        request = AddTorrent(node.options(paused=True), metainfo=other)
        added = await begun(node.ask(request), lambda: drown(node.engine, first.id))
        assert added.id in await node.views()
        if number:
            await begun(node.ask(RemoveTorrent(added.id)), lambda: drown(node.engine, first.id))
            assert added.id not in await node.views()
    assert set(await node.views()) == set(kept.intents) == set(node.engine._roster._by_id)
    assert len(kept.intents) == 2


async def test_losses_are_told_by_the_metric_and_harm_nobodys_health(node: WholeNode) -> None:
    view = await add(node, paused=True)
    drown(node.engine, view.id)
    node.engine.request_statuses()

    async def counted() -> bool:
        return await report_drops(node) > 0

    await node.eventually(counted, "the report counts them")

    async def told() -> bool:
        text = (await node.http.get("/metrics")).text
        found = [line for line in text.splitlines() if line.startswith("revaer_engine_alerts_dropped_total ")]
        return bool(found) and float(found[0].split()[1]) > 0

    await node.eventually(told, "the metric counts them")
    engine = (await node.http.get("/health/full")).json()["engine"]
    assert engine["alerts_dropped"] > 0
    assert (await node.http.get("/health")).status_code == 200
    assert node.health.snapshot()["session"].state is HealthState.UP
    assert (await node.view(view.id)).state.kind is TorrentState.STOPPED


async def test_disk_error_that_was_lost_is_shown_and_resume_ends_it(node: WholeNode, seeder: Seeder) -> None:
    """What nobody heard of is still in the engine's status."""
    await seeder.limit(100_000)
    view = await add(node, paused=True)
    blocker = node.downloads / NAME
    blocker.write_text("in the way")
    await node.ask(Act(view.id, Resume()))
    handle = handle_of(node, view.id)
    handle.connect_peer(("127.0.0.1", seeder.port))
    drown(node.engine, view.id, until=lambda _: handle.status().errc.value() != 0)
    failed = await node.until(view.id, TorrentState.FAILED)
    assert failed.state.message
    blocker.unlink()
    await seeder.limit(None)

    async def goes_on() -> bool:
        if (await node.view(view.id)).state.kind is TorrentState.FAILED:
            await node.ask(Act(view.id, Resume()))
        await seeder.meet(node, view.id)
        return (await node.view(view.id)).state.kind is TorrentState.SEEDING

    await node.eventually(goes_on, "the download")
    assert (node.downloads / NAME / "film.mkv").read_bytes() == FILES["film.mkv"]
