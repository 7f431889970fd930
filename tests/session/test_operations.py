from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from revaer.session.messages import (
    Act,
    ActionRefused,
    Inspect,
    Move,
    Pause,
    Queue,
    Reannounce,
    Recheck,
    RemoveTorrent,
    Resume,
    Select,
    SessionUnavailable,
    SetPieceDeadline,
    SetRate,
    SetSequential,
    UnknownTorrent,
)
from revaer.session.port import AnswerLost
from revaer.types import Priority, SelectionRules, TorrentId, TorrentOptions, TorrentState
from tests.session.conftest import House, add


async def test_pause_is_applied_and_durable_when_answered(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film, rate=1_000)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.DOWNLOADING)
    after = await house.ask(Act(view.id, Pause()))
    assert after.state.kind is TorrentState.STOPPED
    assert after.progress.download_bps == 0
    assert house.kept.intents[view.id].options.paused
    again = await house.ask(Act(view.id, Resume()))
    assert again.state.kind is TorrentState.DOWNLOADING
    assert not house.kept.intents[view.id].options.paused


async def test_finished_and_paused_is_completed(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.SEEDING)
    assert (await house.ask(Act(view.id, Pause()))).state.kind is TorrentState.COMPLETED


async def test_nothing_changes_while_the_database_is_away(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    house.kept.is_away = True
    with pytest.raises(SessionUnavailable):
        await house.ask(Act(view.id, Pause()))
    assert not house.kept.intents[view.id].options.paused
    unchanged = await house.view(view.id)
    assert unchanged is not None
    assert unchanged.state.kind is not TorrentState.STOPPED


async def test_rate_and_order_are_shown_and_stored(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    after = await house.ask(Act(view.id, SetRate(1_000, None)))
    assert after.descriptor.max_download_bps == 1_000
    after = await house.ask(Act(view.id, SetSequential(enable=True)))
    assert after.descriptor.sequential
    stored = house.kept.intents[view.id].options
    assert (stored.max_download_bps, stored.sequential) == (1_000, True)


async def test_refused_rate_leaves_the_old_one_stored(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    with pytest.raises(ActionRefused):
        await house.ask(Act(view.id, SetRate(-5, None)))
    await house.settle(lambda: house.kept.intents[view.id].options.max_download_bps is None)


async def test_move_takes_the_payload_along(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes, tmp_path: Path
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.SEEDING)
    target = str(tmp_path / "elsewhere")
    after = await house.ask(Act(view.id, Move(target)))
    assert after.descriptor.content_path == f"{target}/Film"
    assert (tmp_path / "elsewhere/Film/film.mkv").exists()
    await house.settle(lambda: house.kept.intents[view.id].options.download_dir == target)
    assert house.kept.intents[view.id].moving_to is None


async def test_recheck_reannounce_and_queue_answer(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.SEEDING)
    for action in (Reannounce(), Recheck(), Queue("top")):
        await house.ask(Act(view.id, action))
    await house.until(view.id, TorrentState.SEEDING)
    house.reader.catch_up()
    assert house.reader.kinds(view.id).count("completed") == 1


async def test_deadline_of_a_piece_that_does_not_exist_is_refused(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    with pytest.raises(ActionRefused):
        await house.ask(Act(view.id, SetPieceDeadline(10_000, 100)))


@pytest.mark.parametrize(
    "message", [Act(TorrentId("x"), Pause()), Inspect(TorrentId("x")), RemoveTorrent(TorrentId("x"))]
)
async def test_unknown_torrent_is_refused(
    house: House, autojump_clock: trio.testing.MockClock, message: object
) -> None:
    with pytest.raises(UnknownTorrent):
        await house.ask(message)


async def test_select_answers_with_the_rule_of_every_file(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    detail = await house.ask(Select(view.id, SelectionRules(exclude=("*.nfo",), skip_fluff=True)))
    wanted = {file.path: file.selected for file in detail.files}
    assert wanted == {"film.mkv": True, "sample/sample.mkv": False, "film.nfo": False}
    assert all(file.rule for file in detail.files)
    assert house.kept.intents[view.id].options.selection.skip_fluff
    with pytest.raises(ActionRefused):
        await house.ask(Select(view.id, SelectionRules(priorities={9: Priority.HIGH})))


async def test_more_selected_after_completion_completes_again(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, replace(options, selection=SelectionRules(skip_fluff=True)), film)
    await house.until(view.id, TorrentState.SEEDING)
    await house.ask(Select(view.id, SelectionRules()))

    def completed_again() -> bool:
        house.reader.catch_up()
        return house.reader.kinds(view.id).count("completed") == 2

    await house.settle(completed_again)
    await house.until(view.id, TorrentState.SEEDING)


async def test_remove_with_data_deletes_only_its_own_files(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.SEEDING)
    foreign = Path(options.download_dir) / "Film/foreign.txt"
    foreign.write_text("not ours")
    await house.ask(RemoveTorrent(view.id, delete_data=True))
    assert foreign.exists()
    assert not (foreign.parent / "film.mkv").exists()
    assert house.kept.intents == {}
    assert (await house.snapshot()).views == ()


@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "left"])
async def test_removal_whose_answer_is_lost_is_finished_by_itself(
    house: House,
    autojump_clock: trio.testing.MockClock,
    options: TorrentOptions,
    film: bytes,
    monkeypatch: pytest.MonkeyPatch,
    is_deleted: bool,
) -> None:
    house.engine.world.seed(film)
    view = await add(house, options, film)
    await house.until(view.id, TorrentState.SEEDING)
    remove = house.engine.remove

    async def lose_answer(torrent_id: TorrentId, *, delete_data: bool) -> None:
        monkeypatch.setattr(house.engine, "remove", remove)
        await remove(torrent_id, delete_data=delete_data and is_deleted)
        raise AnswerLost("nobody knows")

    monkeypatch.setattr(house.engine, "remove", lose_answer)
    with pytest.raises(SessionUnavailable, match="nobody knows"):
        await house.ask(RemoveTorrent(view.id, delete_data=True))
    await house.settle(lambda: house.kept.intents == {})
    assert not (Path(options.download_dir) / "Film").exists()
    assert (await house.snapshot()).views == ()


async def test_removed_torrent_can_be_added_again(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await add(house, options, film)
    await house.ask(RemoveTorrent(view.id))
    assert (await add(house, options, film)).id != view.id


async def test_rates_return_to_zero_on_a_stall(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film, rate=20_000)
    view = await add(house, options, film)
    await trio.sleep(4)
    moving = await house.view(view.id)
    assert moving is not None
    assert moving.progress.download_bps > 0
    assert moving.progress.eta_seconds is not None
    house.engine.world.stall(film)
    await trio.sleep(5)
    house.reader.catch_up()
    assert house.reader.views[view.id].progress.download_bps == 0
    assert house.reader.views[view.id].progress.eta_seconds is None
