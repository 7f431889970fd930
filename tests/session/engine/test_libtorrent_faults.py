"""What only the real engine can show: disks that fail, trackers that are silent, settings it does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import libtorrent as lt
import pytest
import trio

from revaer.session.adapter import LibtorrentEngine
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import (
    DownloadFinished,
    EngineRefused,
    EngineState,
    InvalidSetting,
    ListenerFailed,
    MetadataArrived,
    RecordReady,
    RecordRejected,
    StorageFailed,
    TrackerFailed,
)
from tests.session.engine.conftest import FILES, NAME, Rig, loopback, open_rig, torrent
from tests.support.torrents import magnet_for, make_torrent, payload, write_files

pytestmark = pytest.mark.swarm


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig("libtorrent", tmp_path) as opened:
        yield opened


async def test_unwritable_place_stops_the_torrent_and_resume_goes_on(rig: Rig) -> None:
    """A file stands where the torrent needs a folder; when it is out of the way, the download goes on."""
    blocker = rig.downloads / NAME
    blocker.write_text("in the way")
    await rig.seed(torrent())
    spec = rig.spec(torrent())
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    failed = await rig.event(StorageFailed)
    assert failed.errno
    assert failed.message
    assert (await rig.status(spec.torrent_id)).error
    blocker.unlink()
    await rig.engine.resume(spec.torrent_id, auto_managed=False)
    await rig.meet(spec.torrent_id)
    await rig.event(DownloadFinished)
    assert (await rig.status(spec.torrent_id)).error is None


async def test_record_whose_files_are_gone_is_told(rig: Rig) -> None:
    write_files(rig.downloads, FILES, name=NAME)
    spec = rig.spec(torrent(), seed_mode=True)
    await rig.engine.add(spec)
    await rig.status(spec.torrent_id, until=lambda status: status.state is EngineState.SEEDING)
    rig.engine.request_record(spec.torrent_id, only_if_changed=False)
    record = (await rig.event(RecordReady)).record
    await rig.engine.remove(spec.torrent_id, delete_data=True)
    await rig.engine.add(rig.spec(torrent(), record=record))
    assert (await rig.event(RecordRejected)).reason


async def test_failing_tracker_is_told_with_its_address(rig: Rig) -> None:
    url = "http://127.0.0.1:9/announce"
    await rig.engine.add(rig.spec(torrent(), trackers=(url,)))
    failed = await rig.event(TrackerFailed)
    assert (failed.url, bool(failed.message)) == (url, True)


async def test_silent_tracker_does_not_hold_up_the_end(rig: Rig) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with listener:
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/announce"
        await rig.engine.add(rig.spec(torrent(), trackers=(url,)))
        async with await listener.accept():
            began = trio.current_time()
            await rig.engine.close(within=0.5)
            assert trio.current_time() - began < 5.0


async def test_taken_port_is_told(rig: Rig, tmp_path: Path) -> None:
    engine = await open_libtorrent(
        loopback(
            listen=(rig.engine.listening()[0],), extra={"max_retry_port_bind": 0, "listen_system_port_fallback": False}
        ),
        state_dir=tmp_path,
    )
    with trio.fail_after(5):
        events = await engine.next_events()
    await engine.close(within=1.0)
    assert any(isinstance(event, ListenerFailed) for event in events)


async def test_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="no_such_setting"):
        await open_libtorrent(loopback(extra={"no_such_setting": 1}), state_dir=tmp_path)


async def test_metadata_with_unsafe_names_fails_the_magnet_before_any_payload(rig: Rig) -> None:
    files = {"con": payload(20_000), "ok": payload(100)}
    metainfo = make_torrent(files, name=NAME)
    root = write_files(rig.folder / "seed", files, name=NAME)
    assert isinstance(rig.seeder, LibtorrentEngine)
    parameters = lt.load_torrent_buffer(metainfo)
    parameters.save_path = str(root)
    rig.seeder._alerts._handlers["add_torrent_alert"] = lambda _: None  # ours would refuse it, and send it away
    rig.seeder._library.session.async_add_torrent(parameters)
    spec = rig.spec(magnet_for(metainfo))
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    status = await rig.status(spec.torrent_id, until=lambda status: status.error is not None and status.paused)
    assert "reserved" in (status.error or "")
    assert not [event for event in rig.events if isinstance(event, MetadataArrived)]
    assert not list(rig.downloads.iterdir())
    with pytest.raises(EngineRefused, match="unusable"):
        await rig.engine.resume(spec.torrent_id, auto_managed=False)


async def test_files_that_differ_by_case_and_marks_keep_their_names(rig: Rig) -> None:
    files = {"A.txt": payload(20_000), "a.txt": payload(30_000, seed=1), "e\u0301.txt": payload(100, seed=2)}
    metainfo = make_torrent(files, name=NAME)
    composed = {"A.txt": files["A.txt"], "a.txt": files["a.txt"], "\u00e9.txt": files["e\u0301.txt"]}
    await rig.seed(metainfo, composed)
    spec = rig.spec(metainfo)
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    await rig.event(DownloadFinished)
    await rig.engine.flush(spec.torrent_id)
    for path, content in composed.items():
        assert (rig.downloads / NAME / path).read_bytes() == content


@pytest.mark.parametrize("source", ["metainfo", "magnet"])
async def test_single_file_of_a_version_2_folder_lies_in_its_folder(rig: Rig, source: str) -> None:
    files = {"film.mkv": payload(60_000)}
    metainfo = make_torrent(files, name=NAME, version="v2")
    await rig.seed(metainfo, files)
    spec = rig.spec(metainfo if source == "metainfo" else magnet_for(metainfo, version="v2"))
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    if source == "magnet":
        await rig.event(MetadataArrived)
        await rig.engine.set_file_priorities(spec.torrent_id, (4, 4))
    await rig.event(DownloadFinished)
    await rig.engine.flush(spec.torrent_id)
    assert [path.relative_to(rig.downloads) for path in rig.downloads.rglob("*") if path.is_file()] == [
        Path(NAME) / "film.mkv"
    ]
    assert (rig.downloads / NAME / "film.mkv").read_bytes() == files["film.mkv"]
