"""The id of a request goes into the events and log lines that it causes, and into no others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import structlog
import trio
import trio.testing
from structlog.testing import capture_logs

from actors import Bus, Stamped
from revaer.events import Event
from revaer.session.messages import Act, AddTorrent, Pause, RemoveTorrent, Select, SessionUnavailable
from revaer.session.origin import current_request, on_behalf_of
from revaer.session.serial import Jobs
from revaer.types import SelectionRules, TorrentOptions, TorrentState
from tests.session.conftest import House


class Witness:
    """Remembers under which request each event was published."""

    def __init__(self, bus: Bus[Event]) -> None:
        self._events = bus.subscribe("witness", capacity=10_000)

    def of(self, kind: str) -> list[str | None]:
        """The request ids of the events of one kind since the last look."""
        seen = []
        while (item := self._events.try_next()) is not None:
            if isinstance(item, Stamped):
                seen.append((item.event.kind, item.request_id))
        return [request_id for known, request_id in seen if known == kind]


async def test_added_torrent_is_announced_under_its_request(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    witness = Witness(house.bus)
    await house.ask(AddTorrent(options, metainfo=film, request_id="add-1"))
    assert witness.of("torrent_added") == ["add-1"]


async def test_what_happens_later_by_itself_has_no_request(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film)
    view = await house.ask(AddTorrent(options, metainfo=film, request_id="add-1"))
    witness = Witness(house.bus)
    await house.until(view.id, TorrentState.SEEDING)
    assert witness.of("completed") == [None]


async def test_changes_by_an_action_a_selection_and_a_removal_carry_their_requests(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await house.ask(AddTorrent(options, metainfo=film))
    await house.until(view.id, TorrentState.DOWNLOADING)
    witness = Witness(house.bus)
    await house.ask(Act(view.id, Pause(), request_id="act-1"))
    assert witness.of("state_changed") == ["act-1"]
    await house.ask(Select(view.id, SelectionRules(skip_fluff=True), request_id="select-1"))
    assert witness.of("files_discovered") == ["select-1"]
    await house.ask(RemoveTorrent(view.id, request_id="remove-1"))
    assert witness.of("torrent_removed") == ["remove-1"]


async def test_removal_that_is_finished_later_keeps_its_request(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    view = await house.ask(AddTorrent(options, metainfo=film))
    witness = Witness(house.bus)
    engine_remove = house.engine.remove
    begun = trio.Event()

    async def silent(torrent_id: object, *, delete_data: bool) -> None:
        begun.set()
        await trio.sleep_forever()

    house.engine.remove = silent  # type: ignore[method-assign]  # an engine that does not answer
    try:
        await house.ask(RemoveTorrent(view.id, request_id="remove-1"))
    except SessionUnavailable:
        house.engine.remove = engine_remove  # type: ignore[method-assign]  # it answers again
    assert begun.is_set()
    await house.settle(lambda: not house.kept.intents)
    await trio.testing.wait_all_tasks_blocked()
    assert witness.of("torrent_removed") == ["remove-1"]


async def test_batches_of_figures_carry_no_request(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    house.engine.world.seed(film, rate=10_000)
    view = await house.ask(AddTorrent(options, metainfo=film))
    await house.until(view.id, TorrentState.DOWNLOADING)
    await trio.sleep(1.0)
    witness = Witness(house.bus)
    await house.ask(Act(view.id, Pause(), request_id="act-1"))
    assert set(witness.of("progress")) <= {None}


async def test_log_lines_of_a_request_have_its_id(
    house: House, autojump_clock: trio.testing.MockClock, options: TorrentOptions, film: bytes
) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await house.ask(AddTorrent(replace(options, queue_position=-1), metainfo=film, request_id="add-1"))
        structlog.get_logger().info("afterwards")
    ids = {line["event"]: line.get("request_id") for line in lines}
    assert ids == {"queue_position_refused": "add-1", "afterwards": None}


async def test_jobs_are_done_for_who_submitted_them_and_not_for_who_woke_the_worker() -> None:
    seen: list[str | None] = []

    async def job() -> None:
        await trio.lowlevel.checkpoint()
        seen.append(current_request())

    async with trio.open_nursery() as nursery:
        jobs = Jobs(nursery.start_soon, limit=1)
        with on_behalf_of("one"):
            jobs.submit(job)
        jobs.submit(job)
        with on_behalf_of("two"):
            jobs.submit(job)
    assert seen == ["one", None, "two"]
    assert current_request() is None


async def test_closed_jobs_end_at_once_and_none_begins_any_more() -> None:
    begun: list[str] = []

    async def job(name: str) -> None:
        begun.append(name)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        jobs = Jobs(nursery.start_soon, limit=1)
        jobs.submit(partial(job, "one"))
        jobs.submit(partial(job, "two"))
        await trio.testing.wait_all_tasks_blocked()
        jobs.close()
        jobs.submit(partial(job, "three"))
    assert begun == ["one"]
    assert len(jobs) == 0
