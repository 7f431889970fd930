"""The session on the real engine, against a real seeder on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from actors import HealthState
from revaer.events import StateChanged
from revaer.session.adapter import LibtorrentEngine
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.messages import Act, AddTorrent, Pause, RemoveTorrent, ReportEngine, Resume, Select
from revaer.session.port import AddSpec
from revaer.types import SelectionRules, TorrentId, TorrentState, TorrentView
from tests.session.conftest import FakeStore, StoredTorrents
from tests.support.real_peer import Seeder, loopback, open_seeder
from tests.support.torrents import info_hashes, magnet_for, make_torrent, payload
from tests.support.whole_node import WholeNode, open_node

pytestmark = pytest.mark.swarm

BLOCK = 16 * 1024
FILES = {
    "a/film.mkv": payload(60 * BLOCK),
    "sample/film.mkv": payload(20 * BLOCK, seed=1),
    "z/notes.txt": payload(BLOCK, seed=2),
}
"""Every file begins and ends with a piece, so that what is not wanted is not written for the sake of a neighbour."""

NAME = "Film"
FILM = make_torrent(FILES, name=NAME)
WANTED = {path: content for path, content in FILES.items() if not path.startswith("sample")}
SLOW = 200_000
"""Bytes per second at which the whole takes some seconds: a test does something meanwhile and then lifts the cap."""

OpenNode = Callable[[], AbstractAsyncContextManager[WholeNode]]


@pytest.fixture
def kept() -> StoredTorrents:
    return StoredTorrents()


@pytest.fixture
def open_session(tmp_path: Path, kept: StoredTorrents) -> OpenNode:
    def start() -> AbstractAsyncContextManager[WholeNode]:
        return open_node(tmp_path, engine=open_libtorrent, store=lambda: FakeStore(kept), settings=loopback())

    return start


@pytest.fixture
async def node(open_session: OpenNode) -> AsyncIterator[WholeNode]:
    async with open_session() as opened:
        yield opened


@pytest.fixture
async def seeder(tmp_path: Path) -> AsyncIterator[Seeder]:
    async with open_seeder(tmp_path / "seeder") as opened:
        await opened.seed(FILM, FILES, name=NAME)
        yield opened


async def add(node: WholeNode, *, magnet: bool = False, **options: Any) -> TorrentView:
    source: dict[str, Any] = {"magnet": magnet_for(FILM)} if magnet else {"metainfo": FILM}
    return await node.ask(AddTorrent(node.options(**options), **source))


async def until_some(node: WholeNode, torrent_id: TorrentId) -> TorrentView:
    """Wait for the first whole pieces."""
    return await node.until(torrent_id, lambda view: view.progress.bytes_downloaded > 2 * BLOCK)


async def until_done(node: WholeNode, seeder: Seeder, torrent_id: TorrentId) -> TorrentView:
    """Wait for the completion, and dial the seeder until then: an engine drops peers when it pauses."""
    views: list[TorrentView] = []

    async def done() -> bool:
        await seeder.meet(node, torrent_id)
        views.append(await node.view(torrent_id))
        return views[-1].state.kind is TorrentState.SEEDING and views[-1].descriptor.completed_at is not None

    await node.eventually(done, "everything wanted")
    return views[-1]


def assert_on_disk(folder: Path, files: Mapping[str, bytes]) -> None:
    """These files are there, whole, and no other."""
    found = {str(path.relative_to(folder / NAME)) for path in (folder / NAME).rglob("*") if path.is_file()}
    assert found == set(files)
    for path, content in files.items():
        assert (folder / NAME / path).read_bytes() == content


@pytest.mark.parametrize("magnet", [False, True], ids=["file", "magnet"])
async def test_unwanted_files_are_never_on_disk(
    node: WholeNode, seeder: Seeder, kept: StoredTorrents, magnet: bool
) -> None:
    view = await add(node, magnet=magnet, selection=SelectionRules(exclude=("sample/**",)))
    seen: set[str] = set()

    async def done() -> bool:
        await seeder.meet(node, view.id)
        seen.update(path.name for path in node.downloads.rglob("*"))
        return (await node.view(view.id)).descriptor.completed_at is not None

    await node.eventually(done, "everything wanted")
    assert "sample" not in seen
    assert_on_disk(node.downloads, WANTED)
    detail = await node.detail(view.id)
    assert [(file.selected, file.bytes_completed) for file in detail.files] == [
        (True, 60 * BLOCK),
        (False, 0),
        (True, BLOCK),
    ]
    assert [path for path in node.downloads.iterdir() if path.name != NAME] == []
    assert seeder.uploaded() < sum(map(len, FILES.values()))


async def test_file_that_is_chosen_later_comes_too(node: WholeNode, seeder: Seeder) -> None:
    view = await add(node, selection=SelectionRules(exclude=("sample/**",)))
    await until_done(node, seeder, view.id)
    await node.ask(Select(view.id, SelectionRules()))
    await node.until(view.id, TorrentState.DOWNLOADING)
    await until_done(node, seeder, view.id)
    assert_on_disk(node.downloads, FILES)
    assert node.kinds(view.id).count("completed") == 2


async def test_added_file_runs_through_its_states_once_and_is_stored(
    node: WholeNode, seeder: Seeder, kept: StoredTorrents
) -> None:
    view = await add(node)
    done = await until_done(node, seeder, view.id)
    await node.eventually(lambda: kept.intents[view.id].completed_at is not None, "the completion is stored")
    await node.eventually(lambda: view.id in kept.records, "its record is stored")
    kinds = node.kinds(view.id)
    assert kinds[:2] == ["torrent_added", "files_discovered"]
    assert kinds.count("completed") == kinds.count("files_discovered") == 1
    states = [event.state.kind for event in node.history(view.id) if isinstance(event, StateChanged)]
    assert states[-2:] == [TorrentState.DOWNLOADING, TorrentState.SEEDING]
    assert TorrentState.FAILED not in states
    assert kinds.index("completed") < len(kinds) - 1 - kinds[::-1].index("state_changed")
    assert (done.progress.percent_complete, done.descriptor.content_path) == (100.0, str(node.downloads / NAME))
    assert kept.intents[view.id].metainfo == FILM


async def test_added_magnet_learns_what_it_is_and_stores_it(
    node: WholeNode, seeder: Seeder, kept: StoredTorrents
) -> None:
    view = await add(node, magnet=True)
    assert (view.state.kind, view.descriptor.content_path) == (TorrentState.FETCHING_METADATA, None)
    done = await until_done(node, seeder, view.id)
    kinds = node.kinds(view.id)
    assert kinds.index("metadata_updated") < kinds.index("files_discovered") < kinds.index("completed")
    assert (done.descriptor.name, done.descriptor.info_hash) == (NAME, view.descriptor.info_hash)
    await node.eventually(lambda: kept.intents[view.id].metainfo is not None, "its metadata is stored")
    assert node.engine.parse_metainfo(kept.intents[view.id].metainfo).hashes == view.descriptor.hashes
    assert_on_disk(node.downloads, FILES)


async def test_magnet_that_learned_its_files_is_restored_without_a_peer(
    open_session: OpenNode, seeder: Seeder, kept: StoredTorrents
) -> None:
    async with open_session() as node:
        view = await add(node, magnet=True)
        await until_done(node, seeder, view.id)
        await node.eventually(lambda: kept.intents[view.id].metainfo is not None, "its metadata is stored")
    async with open_session() as node:
        await node.until(view.id, TorrentState.SEEDING)
        assert len((await node.detail(view.id)).files) == 3
        assert "completed" not in node.kinds(view.id)


async def test_pause_ends_the_transfer_and_resume_completes_it(node: WholeNode, seeder: Seeder) -> None:
    await seeder.limit(SLOW)
    view = await add(node)
    await seeder.meet(node, view.id)
    await until_some(node, view.id)
    paused = await node.ask(Act(view.id, Pause()))
    assert (paused.state.kind, paused.progress.download_bps, paused.progress.eta_seconds) == (
        TorrentState.STOPPED,
        0,
        None,
    )

    async def alone() -> bool:
        return (await node.ask(ReportEngine())).peers == 0

    await node.eventually(alone, "no peer is left")
    stopped = await node.view(view.id)
    assert (stopped.state.kind, stopped.progress.download_bps) == (TorrentState.STOPPED, 0)
    assert stopped.progress.bytes_downloaded < sum(map(len, FILES.values()))
    await seeder.limit(None)
    assert (await node.ask(Act(view.id, Resume()))).state.kind is TorrentState.DOWNLOADING
    await until_done(node, seeder, view.id)
    assert_on_disk(node.downloads, FILES)


async def test_directory_replaced_by_a_file_fails_the_download_until_it_is_back(
    node: WholeNode, seeder: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    add_to_engine = LibtorrentEngine.add

    async def note_add(engine: LibtorrentEngine, spec: AddSpec) -> None:
        if spec.record is None:
            hashed.append("added without its record")
        await add_to_engine(engine, spec)

    async def note_recheck(engine: LibtorrentEngine, torrent_id: TorrentId) -> None:
        hashed.append("rechecked")

    await seeder.limit(SLOW)
    view = await add(node)
    await seeder.meet(node, view.id)
    await until_some(node, view.id)
    away = node.root / "away"
    node.downloads.rename(away)
    node.downloads.write_text("in the way")
    failed = await node.until(view.id, TorrentState.FAILED)
    monkeypatch.setattr(LibtorrentEngine, "add", note_add)
    monkeypatch.setattr(LibtorrentEngine, "recheck", note_recheck)
    assert str(node.downloads) in (failed.state.message or "")
    assert "by itself" in (failed.state.message or "")
    assert failed.progress.download_bps == 0
    assert node.health.snapshot()["storage"].state is HealthState.DEGRADED
    node.downloads.unlink()
    away.rename(node.downloads)
    await seeder.limit(None)
    await until_done(node, seeder, view.id)
    assert_on_disk(node.downloads, FILES)
    assert hashed == [], "what was there is not hashed again"
    await node.eventually(lambda: node.health.snapshot()["storage"].state is HealthState.UP, "the storage is well")


async def test_file_where_the_folder_must_be_fails_the_download_until_it_is_gone(
    node: WholeNode, seeder: Seeder
) -> None:
    """The engine itself runs into it, with the first piece that it writes."""
    await seeder.limit(SLOW)
    view = await add(node, paused=True)
    blocker = node.downloads / NAME
    blocker.write_text("in the way")
    await node.ask(Act(view.id, Resume()))
    await seeder.meet(node, view.id)
    failed = await node.until(view.id, TorrentState.FAILED)
    assert str(blocker) in (failed.state.message or "")
    assert "by itself" in (failed.state.message or "")
    assert node.health.snapshot()["storage"].state is HealthState.DEGRADED
    blocker.unlink()
    await node.until(view.id, TorrentState.DOWNLOADING)
    await seeder.limit(None)
    await until_done(node, seeder, view.id)
    assert_on_disk(node.downloads, FILES)
    assert node.kinds(view.id).count("completed") == 1
    await node.eventually(lambda: node.health.snapshot()["storage"].state is HealthState.UP, "the storage is well")


async def test_crash_in_the_middle_keeps_what_is_there_and_completes(
    node: WholeNode, seeder: Seeder, kept: StoredTorrents
) -> None:
    await seeder.limit(SLOW)
    view = await add(node)
    await seeder.meet(node, view.id)
    await until_some(node, view.id)
    node.crash("session")
    await node.eventually(lambda: len(node.engines) == 2 and node.session.running, "a new session")
    back = await node.until(view.id, lambda view: view.progress.bytes_downloaded > 0)
    assert back.progress.bytes_downloaded >= 2 * BLOCK
    await seeder.limit(None)
    await until_done(node, seeder, view.id)
    assert_on_disk(node.downloads, FILES)


async def test_file_that_is_chosen_just_before_a_crash_comes_all_the_same(node: WholeNode, seeder: Seeder) -> None:
    """Its first bytes are there already: they share a piece with a file that was wanted before."""
    files = {"film.mkv": payload(300_000, seed=4), "sample/film.mkv": payload(90_000, seed=5)}
    shared = make_torrent(files, name="Shared")
    await seeder.seed(shared, files, name="Shared")
    wish = node.options(selection=SelectionRules(skip_fluff=True))
    view = await node.ask(AddTorrent(wish, metainfo=shared))
    await until_done(node, seeder, view.id)
    await node.ask(Select(view.id, SelectionRules()))
    node.crash("session")
    await node.eventually(lambda: len(node.engines) == 2 and node.session.running, "a new session")

    def on_disk() -> bool:
        paths = [node.downloads / "Shared" / path for path in files]
        return [path.read_bytes() for path in paths if path.exists()] == list(files.values())

    async def whole() -> bool:
        await seeder.meet(node, view.id)
        progress = (await node.view(view.id)).progress
        return progress.bytes_downloaded == progress.bytes_total == 390_000 and on_disk()

    await node.eventually(whole, "both files")
    await node.until(view.id, TorrentState.SEEDING)


@pytest.mark.parametrize("first", ["v1", "v2"])
async def test_magnets_of_both_halves_of_a_hybrid_leave_the_older_and_it_completes(
    node: WholeNode, seeder: Seeder, kept: StoredTorrents, first: str
) -> None:
    hybrid = make_torrent(FILES, name="Hybrid", version="hybrid")
    v1, v2 = info_hashes(hybrid, version="hybrid")
    halves = [f"magnet:?xt=urn:btih:{v1}", f"magnet:?xt=urn:btmh:1220{v2}"]
    older, newer = [
        await node.ask(AddTorrent(node.options(), magnet=magnet))
        for magnet in (halves if first == "v1" else reversed(halves))
    ]
    await seeder.seed(hybrid, FILES, name="Hybrid")

    async def settled() -> bool:
        for view in (older, newer):
            await seeder.meet(node, view.id)
        views = await node.views()
        return views[newer.id].state.kind is TorrentState.FAILED and views[older.id].descriptor.completed_at is not None

    await node.eventually(settled, "the older completes, the newer fails")
    views = await node.views()
    assert views[older.id].state.kind is TorrentState.SEEDING
    assert older.id in (views[newer.id].state.message or "")
    assert set(kept.intents) == {older.id, newer.id}
    for path, content in FILES.items():
        assert (node.downloads / "Hybrid" / path).read_bytes() == content
    await node.ask(RemoveTorrent(newer.id, delete_data=True))
    assert (node.downloads / "Hybrid" / "a" / "film.mkv").exists()
    assert (await node.until(older.id, TorrentState.SEEDING)).progress.percent_complete == 100.0
