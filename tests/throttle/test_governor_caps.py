"""The governor and the caps that labels give to torrents."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from revaer.throttle.labels import LabelPolicy, Labels
from revaer.throttle.resolution import Caps, Rates
from revaer.throttle.settings import ThrottleSettings
from tests.throttle.node import SESSION_DOWN, Node, make_view, torrent_id

FILMS = Labels(categories={"films": LabelPolicy(Caps(1000, 100))})
SLOW = Labels(tags={"slow": LabelPolicy(Caps(10, 10))})
ONE, TWO, THREE = (torrent_id(number) for number in (1, 2, 3))


async def test_labels_cap_torrents_that_are_there_at_the_start(node: Node, clock: MockClock) -> None:
    node.settings = ThrottleSettings(1, labels=FILMS)
    node.session.add(make_view(1, category="films"))
    node.session.add(make_view(2))
    async with node.run():
        await node.settled(0.1)

    assert node.session.caps(ONE) == Rates(1000, 100)
    assert node.session.fallback == {ONE: Rates(1000, 100)}


async def test_own_cap_of_a_torrent_wins(node: Node, clock: MockClock) -> None:
    node.settings = ThrottleSettings(1, labels=FILMS)
    node.session.add(make_view(1, category="films", max_download_bps=5000))
    node.session.add(make_view(2, category="films", max_download_bps=0))
    async with node.run():
        await node.settled(0.1)

    assert node.session.caps(ONE) == Rates(5000, 100)
    assert node.session.caps(TWO) == Rates(None, 100)


async def test_torrent_that_arrives_is_capped(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(labels=FILMS)
    await node.settled(0.1)
    node.session.add(make_view(1, category="films"))
    await node.settled(0.1)

    assert node.session.caps(ONE) == Rates(1000, 100)


async def test_other_labels_mean_other_caps(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(labels=Labels(FILMS.categories, SLOW.tags))
    node.session.add(make_view(1, category="films", tags=("slow",)))
    await node.settled(0.1)
    assert node.session.caps(ONE) == Rates(1000, 100)
    node.session.describe(ONE, category=None)
    await node.settled(0.1)
    assert node.session.caps(ONE) == Rates(10, 10)
    node.session.describe(ONE, tags=())
    await node.settled(0.1)
    assert node.session.caps(ONE) == Rates()


async def test_changed_policy_reaches_every_torrent_and_goes_again(running_node: Node, clock: MockClock) -> None:
    node = running_node
    for number in range(1, 1001):
        node.session.add(make_view(number, category="films"))
    node.adopt(labels=FILMS)
    await node.settled(0.1)
    assert {node.session.caps(key) for key in node.session.views} == {Rates(1000, 100)}
    assert node.session.calls.count("cap_torrents") <= 1000 / 200 + 2
    node.adopt(labels=Labels())
    await node.settled(0.1)
    assert {node.session.caps(key) for key in node.session.views} == {Rates()}


async def test_session_hears_nothing_of_torrents_without_a_cap(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.add(make_view(1, max_download_bps=7))
    node.adopt(labels=FILMS)
    node.session.describe(ONE, max_download_bps=9)
    node.session.progress(ONE, upload_bps=9)
    await node.settled(60.0)

    assert "cap_torrents" not in node.session.calls


async def test_wish_of_a_torrent_needs_no_other_word(running_node: Node, clock: MockClock) -> None:
    """What the session was told fills gaps, so it stays right when the torrent's own caps come and go."""
    node = running_node
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    await node.settled(0.1)
    node.session.describe(ONE, max_download_bps=5000)
    await node.settled(0.1)
    assert node.session.caps(ONE) == Rates(5000, 100)
    node.session.describe(ONE, max_download_bps=None)
    await node.settled(0.1)

    assert node.session.caps(ONE) == Rates(1000, 100)
    assert node.session.calls.count("cap_torrents") == 1


async def test_caps_come_back_after_a_session_restart(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    await node.settled(0.1)
    node.session.restart()
    assert node.session.caps(ONE) == Rates()
    await node.settled(1.0)

    assert node.session.caps(ONE) == Rates(1000, 100)


async def test_session_that_is_away_gets_them_later(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.faults["cap_torrents"] = SESSION_DOWN
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    await node.settled(5.0)
    assert "caps of labels may not hold: session is down" in (node.reason or "")
    node.session.faults.clear()
    await node.settled(node.timing.retry_longest + 0.1)

    assert node.session.caps(ONE) == Rates(1000, 100)
    assert node.reason is None


async def test_engine_that_has_other_caps_than_given_is_told_of(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.lying.add(ONE)
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    node.session.add(make_view(2, category="films"))
    await node.settled(5.0)
    assert f"other caps than it should for 1 torrents: {ONE}" in (node.reason or "")
    assert node.session.caps(TWO) == Rates(1000, 100)
    node.session.lying.clear()
    await node.settled(node.timing.retry_longest + 0.1)

    assert node.reason is None


async def test_torrent_that_leaves_meanwhile_is_forgotten(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    node.session.drop(ONE)
    await node.settled(30.0)
    assert node.reason is None
    node.session.add(make_view(1, category="films"))
    await node.settled(0.1)

    assert node.session.caps(ONE) == Rates(1000, 100)


async def test_readded_torrent_is_told_of_again(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    await node.settled(0.1)
    node.session.drop(ONE)
    node.session.add(make_view(1, category="films"))
    await node.settled(0.1)

    assert node.session.caps(ONE) == Rates(1000, 100)


async def test_torrent_that_is_readded_during_the_call_is_told_of_again(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.slow_answers = 1.0
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    await node.settled(0.5)
    assert node.session.caps(ONE) == Rates(1000, 100)
    node.session.drop(ONE)
    node.session.add(make_view(1, category="films"))
    await node.settled(2.0)

    assert node.session.caps(ONE) == Rates(1000, 100)


async def test_restarted_governor_takes_back_what_the_one_before_gave(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(labels=FILMS)
    node.session.add(make_view(1, category="films"))
    node.session.add(make_view(2, category="films"))
    await node.settled(0.1)
    assert node.supervisor is not None
    node.supervisor.crash("throttle", RuntimeError("a defect"))
    node.adopt(labels=Labels())
    await node.settled(5.0)

    assert node.ref.generation == 2
    assert node.session.caps(ONE) == node.session.caps(TWO) == Rates()


class TestFollowing:
    async def test_flood_of_events_is_survived(self, running_node: Node, clock: MockClock) -> None:
        """More events than fit: the catalogue is read again, and nothing is missed."""
        node = running_node
        node.adopt(labels=FILMS)
        await node.settled(0.1)
        for number in range(1, 10_001):
            node.session.add(make_view(number, category="films"))
        await node.settled(1.0)

        assert node.session.calls.count("snapshot") == 2
        assert len(node.session.fallback) == 10_000

    async def test_catalogue_that_cannot_be_read_is_told_of(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, labels=FILMS)
        node.session.faults["snapshot"] = SESSION_DOWN
        node.session.add(make_view(1, category="films"))
        async with node.run():
            await node.settled(5.0)
            assert "the list of torrents is not known" in (node.reason or "")
            node.session.faults.clear()
            await node.settled(node.timing.retry_longest + 0.1)
            assert node.session.caps(ONE) == Rates(1000, 100)
            assert node.reason is None

    async def test_events_before_the_snapshot_do_not_count_twice(self, node: Node, clock: MockClock) -> None:
        """A removal that the snapshot already reflects does not take out the torrent that came back since."""
        node.settings = ThrottleSettings(1, labels=FILMS)
        node.session.add(make_view(1))
        node.session.drop(ONE)
        node.session.add(make_view(1, category="films"))
        async with node.run():
            await node.settled(0.1)

        assert node.session.caps(ONE) == Rates(1000, 100)

    async def test_closed_bus_leaves_the_governor_in_peace(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.bus.close()
        node.settings = ThrottleSettings(2, Caps(5, 5))
        await node.settled(node.timing.verify + 0.1)

        assert node.session.engine == Rates(5, 5)
        assert node.session.calls.count("snapshot") == 1

    async def test_torrents_that_left_during_a_restart_are_forgotten(
        self, running_node: Node, clock: MockClock
    ) -> None:
        node = running_node
        node.adopt(labels=FILMS)
        for number in (1, 2, 3):
            node.session.add(make_view(number, category="films"))
        await node.settled(0.1)
        del node.session.views[TWO]
        node.session.restart()
        await node.settled(1.0)
        await trio.sleep(60.0)

        assert set(node.session.fallback) == {ONE, THREE}
        assert node.reason is None
