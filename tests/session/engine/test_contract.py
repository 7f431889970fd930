"""What every engine must do: one suite over the real and the simulated one."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from revaer.session.port import (
    CheckFinished,
    DownloadFinished,
    EngineClosed,
    EngineRefused,
    EngineState,
    InvalidMetainfo,
    InvalidSetting,
    ListenerUp,
    MetadataArrived,
    Rates,
    RecordReady,
    RecordUnchanged,
    StatusBatch,
)
from revaer.session.records import record_pieces
from revaer.types import TorrentId, new_torrent_id
from tests.session.engine.conftest import FILES, NAME, Rig, loopback, magnet, torrent
from tests.support.torrents import Version, make_torrent, write_files

UNKNOWN = TorrentId("01900000-0000-7000-8000-000000000000")


async def download(rig: Rig, version: Version = "v1", **changes: object) -> TorrentId:
    """Download the suite's torrent whole."""
    metainfo = torrent(version)
    await rig.seed(metainfo)
    spec = rig.spec(metainfo, **changes)
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    await rig.event(DownloadFinished)
    await rig.engine.flush(spec.torrent_id)
    return spec.torrent_id


async def add_paused(rig: Rig) -> TorrentId:
    spec = rig.spec(torrent(), paused=True)
    await rig.engine.add(spec)
    return spec.torrent_id


async def test_engine_tells_where_it_listens(rig: Rig) -> None:
    event = await rig.event(ListenerUp)
    assert rig.engine.listening() == (event.address,)
    assert not event.address.endswith(":0")


async def test_download_finishes_and_progress_adds_up(rig: Rig, version: Version) -> None:
    torrent_id = await download(rig, version)
    status = await rig.status(torrent_id, until=lambda status: status.state is EngineState.SEEDING)
    assert status.wanted_done == status.wanted == sum(map(len, FILES.values()))
    assert status.progress == 1.0
    assert status.error is None
    parsed = rig.engine.parse_metainfo(torrent(version))
    done = await rig.engine.file_progress(torrent_id)
    assert done == tuple(entry.size for entry in parsed.files)
    for entry in parsed.files:
        if not entry.pad:
            assert (rig.downloads / NAME / entry.path).stat().st_size == entry.size


async def test_magnet_asks_for_nothing_before_files_are_chosen(rig: Rig, version: Version) -> None:
    await rig.seed(torrent(version))
    spec = rig.spec(magnet(version))
    await rig.engine.add(spec)
    await rig.meet(spec.torrent_id)
    arrived = await rig.event(MetadataArrived)
    await rig.status(spec.torrent_id, until=lambda status: status.state is EngineState.FETCHING_METADATA)
    assert not any(path.is_file() for path in rig.downloads.rglob("*"))
    assert not [event for event in rig.events if isinstance(event, DownloadFinished)]
    assert arrived.parsed.name == NAME
    assert arrived.parsed == rig.engine.parse_metainfo(arrived.metainfo)
    await rig.engine.set_file_priorities(
        spec.torrent_id, [0 if "sample/" in entry.path else 4 for entry in arrived.parsed.files]
    )
    await rig.event(DownloadFinished)
    await rig.engine.flush(spec.torrent_id)
    status = await rig.status(spec.torrent_id, until=lambda status: status.wanted_done == status.wanted)
    assert status.wanted < sum(map(len, FILES.values()))
    assert (rig.downloads / NAME / "film.mkv").stat().st_size == len(FILES["film.mkv"])
    assert not (rig.downloads / NAME / "sample" / "film.mkv").exists()


async def test_same_id_and_same_hash_are_refused(rig: Rig) -> None:
    spec = rig.spec(torrent("hybrid"), paused=True)
    await rig.engine.add(spec)
    with pytest.raises(EngineRefused, match="already"):
        await rig.engine.add(rig.spec(make_torrent({"x": b"1"}, name="x"), torrent_id=spec.torrent_id))
    with pytest.raises(EngineRefused, match="info-hash"):
        await rig.engine.add(rig.spec(torrent("hybrid")))


async def test_two_adds_of_one_torrent_at_once_leave_one(rig: Rig) -> None:
    outcomes: list[str] = []

    async def add() -> None:
        try:
            await rig.engine.add(rig.spec(torrent(), paused=True))
            outcomes.append("added")
        except EngineRefused:
            outcomes.append("refused")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(add)
        nursery.start_soon(add)
    assert sorted(outcomes) == ["added", "refused"]


async def test_unusable_sources_are_refused(rig: Rig) -> None:
    with pytest.raises(InvalidMetainfo):
        await rig.engine.add(rig.spec(b"rubbish"))
    with pytest.raises(InvalidMetainfo):
        await rig.engine.add(rig.spec("magnet:?dn=x"))
    with pytest.raises(EngineRefused, match="either"):
        await rig.engine.add(rig.spec(torrent(), magnet=magnet()))
    with pytest.raises(EngineRefused, match="piece flags"):
        await rig.engine.add(rig.spec(torrent(), have=[True]))
    with pytest.raises(EngineRefused, match="priorities"):
        await rig.engine.add(rig.spec(torrent(), file_priorities=(4,)))


async def test_a_refused_add_leaves_nothing_behind(rig: Rig) -> None:
    with pytest.raises(EngineRefused, match="record"):
        await rig.engine.add(rig.spec(torrent(), record=b"rubbish", paused=True))
    await rig.engine.add(rig.spec(torrent(), paused=True))


async def test_record_of_another_torrent_is_refused(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    rig.engine.request_record(torrent_id, only_if_changed=False)
    record = (await rig.event(RecordReady)).record
    other = make_torrent({"other": b"1" * 100}, name="other")
    with pytest.raises(EngineRefused, match="another torrent"):
        await rig.engine.add(rig.spec(other, record=record))


async def test_unknown_ids_are_refused_by_every_call(rig: Rig) -> None:
    engine = rig.engine
    calls = [
        engine.remove(UNKNOWN, delete_data=False),
        engine.pause(UNKNOWN),
        engine.resume(UNKNOWN, auto_managed=False),
        engine.recheck(UNKNOWN),
        engine.reannounce(UNKNOWN),
        engine.set_sequential(UNKNOWN, enable=True),
        engine.set_connections_limit(UNKNOWN, None),
        engine.set_file_priorities(UNKNOWN, [4]),
        engine.set_trackers(UNKNOWN, []),
        engine.set_web_seeds(UNKNOWN, []),
        engine.set_piece_deadline(UNKNOWN, 0, deadline_ms=1),
        engine.set_queue_position(UNKNOWN, "top"),
        engine.move(UNKNOWN, "/nowhere"),
        engine.flush(UNKNOWN),
        engine.file_progress(UNKNOWN),
        engine.connect_peer(UNKNOWN, "127.0.0.1", 1),
    ]
    for call in calls:
        with pytest.raises(EngineRefused, match=UNKNOWN):
            await call
    with pytest.raises(EngineRefused, match=UNKNOWN):
        engine.request_record(UNKNOWN)


async def test_pause_is_a_flag_and_resume_takes_it_back(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    assert (await rig.status(torrent_id)).paused
    await rig.engine.resume(torrent_id, auto_managed=True)
    status = await rig.status(torrent_id)
    assert (status.paused, status.auto_managed) == (False, True)
    await rig.engine.pause(torrent_id)
    status = await rig.status(torrent_id)
    assert (status.paused, status.auto_managed) == (True, False)


async def test_paused_torrent_is_rechecked_and_stays_paused(rig: Rig) -> None:
    torrent_id = await download(rig)
    await rig.engine.pause(torrent_id)
    (rig.downloads / NAME / "note.txt").unlink()
    rig.events.clear()
    await rig.engine.recheck(torrent_id)
    await rig.event(CheckFinished)
    status = await rig.status(torrent_id, until=lambda status: status.paused)
    assert status.wanted_done < status.wanted
    assert status.state is EngineState.DOWNLOADING


async def test_changes_of_limits_and_lists_are_taken(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    engine = rig.engine
    await engine.set_sequential(torrent_id, enable=True)
    capped = {torrent_id: Rates(1000, None)}
    assert await engine.set_rates(capped) == capped
    await engine.set_connections_limit(torrent_id, 10)
    await engine.set_connections_limit(torrent_id, None)
    await engine.set_trackers(torrent_id, ["http://127.0.0.1:1/announce"])
    await engine.set_web_seeds(torrent_id, ["http://127.0.0.1:1/a/", "http://127.0.0.1:1/b/"])
    await engine.set_web_seeds(torrent_id, ["http://127.0.0.1:1/b/"])
    await engine.set_piece_deadline(torrent_id, 0, deadline_ms=100)
    await engine.reannounce(torrent_id)
    await engine.connect_peer(torrent_id, "127.0.0.1", 9)
    assert (await rig.status(torrent_id)).paused


async def test_senseless_changes_are_refused(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    engine = rig.engine
    calls = [
        engine.set_rates({torrent_id: Rates(-1, None)}),
        engine.set_rates({torrent_id: Rates(None, 2**31)}),
        engine.set_connections_limit(torrent_id, 0),
        engine.set_file_priorities(torrent_id, [4]),
        engine.set_file_priorities(torrent_id, [4, 4, 5]),
        engine.set_piece_deadline(torrent_id, 10_000, deadline_ms=1),
        engine.set_piece_deadline(torrent_id, 0, deadline_ms=-1),
        engine.set_queue_position(torrent_id, "middle"),
        engine.set_queue_position(torrent_id, -1),
        engine.connect_peer(torrent_id, "localhost", 1),
        engine.connect_peer(torrent_id, "127.0.0.1", 0),
    ]
    for call in calls:
        with pytest.raises(EngineRefused):
            await call


async def test_magnet_without_metadata_has_no_files_to_choose(rig: Rig) -> None:
    spec = rig.spec(magnet())
    await rig.engine.add(spec)
    with pytest.raises(EngineRefused, match="metadata"):
        await rig.engine.set_file_priorities(spec.torrent_id, [4])
    with pytest.raises(EngineRefused, match="metadata"):
        await rig.engine.set_piece_deadline(spec.torrent_id, 0, deadline_ms=1)
    assert await rig.engine.file_progress(spec.torrent_id) == ()
    await rig.engine.flush(spec.torrent_id)
    await rig.engine.remove(spec.torrent_id, delete_data=True)


async def test_removed_torrent_is_unknown_and_can_come_back(rig: Rig) -> None:
    torrent_id = await download(rig)
    await rig.engine.remove(torrent_id, delete_data=False)
    assert (rig.downloads / NAME / "film.mkv").exists()
    with pytest.raises(EngineRefused):
        await rig.engine.pause(torrent_id)
    await rig.engine.add(rig.spec(torrent(), torrent_id=torrent_id, paused=True))


async def test_remove_with_data_leaves_no_file(rig: Rig) -> None:
    torrent_id = await download(rig)
    stranger = rig.downloads / NAME / "stranger.txt"
    stranger.write_text("not of this torrent")
    await rig.engine.remove(torrent_id, delete_data=True)
    assert [path for path in rig.downloads.rglob("*") if path.is_file()] == [stranger]


async def test_record_claims_what_is_there_and_restores_it(rig: Rig, version: Version) -> None:
    torrent_id = await download(rig, version)
    rig.engine.request_record(torrent_id)
    record = (await rig.event(RecordReady)).record
    pieces = rig.engine.parse_metainfo(torrent(version)).pieces
    assert record_pieces(record, pieces) == [True] * pieces
    assert torrent(version)[50:150] not in record
    await rig.engine.remove(torrent_id, delete_data=False)
    spec = rig.spec(torrent(version), record=record, paused=True)
    await rig.engine.add(spec)
    status = await rig.status(spec.torrent_id, until=lambda status: status.state is EngineState.SEEDING)
    assert status.wanted_done == status.wanted
    assert status.paused


async def test_unchanged_record_is_told_as_unchanged(rig: Rig) -> None:
    torrent_id = await download(rig)
    rig.engine.request_record(torrent_id)
    await rig.event(RecordReady)
    rig.engine.request_record(torrent_id)
    assert (await rig.event(RecordUnchanged)).reason == ""


async def test_pieces_given_at_the_add_replace_those_of_the_record(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    rig.engine.request_record(torrent_id, only_if_changed=False)
    record = (await rig.event(RecordReady)).record
    await rig.engine.remove(torrent_id, delete_data=False)
    write_files(rig.downloads, FILES, name=NAME)
    pieces = rig.engine.parse_metainfo(torrent()).pieces
    have = [index < 5 for index in range(pieces)]
    spec = rig.spec(torrent(), record=record, have=have, paused=True)
    await rig.engine.add(spec)
    status = await rig.status(spec.torrent_id, until=lambda status: status.state is not EngineState.CHECKING)
    assert status.total_done == 5 * 16384


async def test_wishes_win_over_the_record(rig: Rig) -> None:
    spec = rig.spec(torrent(), auto_managed=True, file_priorities=(0, 4, 4))
    await rig.engine.add(spec)
    rig.engine.request_record(spec.torrent_id, only_if_changed=False)
    record = (await rig.event(RecordReady)).record
    await rig.engine.remove(spec.torrent_id, delete_data=False)
    again = rig.spec(torrent(), record=record, paused=True, file_priorities=(4, 0, 0))
    await rig.engine.add(again)
    status = await rig.status(again.torrent_id, until=lambda status: status.state is not EngineState.CHECKING)
    assert (status.paused, status.auto_managed) == (True, False)
    assert len(FILES["film.mkv"]) <= status.wanted < sum(map(len, FILES.values()))  # an engine may count whole pieces


async def test_payload_moves_and_goes_on_from_there(rig: Rig) -> None:
    torrent_id = await download(rig)
    target = rig.folder / "library"
    target.mkdir()
    await rig.engine.move(torrent_id, str(target))
    assert (target / NAME / "film.mkv").stat().st_size == len(FILES["film.mkv"])
    assert not (rig.downloads / NAME).exists()


async def test_move_never_overwrites(rig: Rig) -> None:
    torrent_id = await download(rig)
    mine = rig.folder / "library" / NAME / "film.mkv"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(EngineRefused, match="in the way"):
        await rig.engine.move(torrent_id, str(rig.folder / "library"))
    assert mine.read_text() == "mine"
    assert (rig.downloads / NAME / "film.mkv").exists()


async def test_queue_position_moves_a_torrent(rig: Rig) -> None:
    ids = []
    for index in range(3):
        spec = rig.spec(make_torrent({f"f{index}": bytes(100)}, name=f"f{index}"), paused=True)
        await rig.engine.add(spec)
        ids.append(spec.torrent_id)
    await rig.engine.set_queue_position(ids[2], "top")
    assert (await rig.status(ids[2])).queue_position == 0
    await rig.engine.set_queue_position(ids[2], 1)
    assert (await rig.status(ids[2])).queue_position == 1
    await rig.engine.set_queue_position(ids[0], "bottom")
    assert (await rig.status(ids[0])).queue_position == 2


async def test_many_moves_in_the_queue_are_made_in_order(rig: Rig) -> None:
    ids = []
    for index in range(4):
        spec = rig.spec(make_torrent({f"f{index}": bytes(100)}, name=f"f{index}"), paused=True)
        await rig.engine.add(spec)
        ids.append(spec.torrent_id)
    await rig.engine.move_in_queue([(ids[2], "top"), (UNKNOWN, "top"), (ids[3], "top"), (ids[0], "down")])
    assert [(await rig.status(key)).queue_position for key in (ids[3], ids[2], ids[1], ids[0])] == [0, 1, 2, 3]
    await rig.engine.move_in_queue([])


async def test_every_question_for_changes_is_answered(rig: Rig) -> None:
    rig.engine.request_statuses()
    assert (await rig.event(StatusBatch)).items == ()


async def test_settings_change_while_running_or_not_at_all(rig: Rig) -> None:
    await rig.engine.apply(loopback(max_download_bps=1_000_000, limit_local_peers=True, pex=False))
    with pytest.raises(InvalidSetting) as caught:
        await rig.engine.apply(loopback(max_upload_bps=2**31))
    assert caught.value.name == "max_upload_bps"


async def test_closed_engine_says_so(rig: Rig) -> None:
    torrent_id = await add_paused(rig)
    await rig.engine.close(within=1.0)
    await rig.engine.close(within=1.0)
    with pytest.raises(EngineClosed):
        await rig.engine.pause(torrent_id)
    with pytest.raises(EngineClosed):
        await rig.engine.next_events()
    with pytest.raises(EngineClosed):
        rig.engine.request_statuses()


async def test_cancelled_call_harms_nobody_who_waits(rig: Rig, tmp_path: Path) -> None:
    """The call that happens to drive the engine may be cancelled; the others go on."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await rig.engine.add(rig.spec(make_torrent({"x": bytes(10)}, name="x"), paused=True))
    torrent_id = await add_paused(rig)
    await rig.engine.pause(torrent_id)
    assert new_torrent_id() != torrent_id
