"""The governor and seeding goals: who is stopped, who is removed, and above all who is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from trio.testing import MockClock

from revaer.throttle.cleanup import Cleanup
from revaer.throttle.facts import UNKNOWN, PayloadFacts, SeedingFacts
from revaer.throttle.goals import Goal
from revaer.throttle.labels import LabelPolicy, Labels
from revaer.throttle.settings import ThrottleSettings
from revaer.types import TorrentState
from tests.throttle.node import GOOD, SESSION_DOWN, Away, Node, make_view, torrent_id

ONE, TWO = torrent_id(1), torrent_id(2)
DAY = 86_400.0


def cleaning(ratio: float | None = 2.0, seconds: float | None = None, *, data: bool = False) -> Labels:
    return Labels(categories={"films": LabelPolicy(cleanup=Cleanup(ratio, seconds, remove_data=data))})


async def test_seed_is_stopped_when_its_ratio_is_reached(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(goal=Goal(ratio=2.0))
    node.session.add(make_view(1, ratio=1.5))
    await node.settled(30.0)
    assert node.session.stopped == []
    node.session.progress(ONE, ratio=2.0)
    await node.settled(2.0)

    assert node.session.stopped == [(ONE, "ratio 2 has reached 2 (global)")]


async def test_idle_seed_is_stopped_when_its_time_is_up(running_node: Node, clock: MockClock) -> None:
    """It makes no news, so the governor counts along, and asks before it acts."""
    node = running_node
    node.adopt(goal=Goal(seconds=3600))
    node.session.add(make_view(1, seeding_seconds=600))
    await node.settled(2990.0)
    assert "seeding_facts" not in node.session.calls
    node.session.facts[ONE] = SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=0.1, seconds=3600)
    await node.settled(15.0)

    assert node.session.stopped == [(ONE, "seeding time 3600 s has reached 3600 s (global)")]
    assert node.session.calls.count("seeding_facts") == 1


async def test_guess_that_runs_ahead_stops_nobody(running_node: Node, clock: MockClock) -> None:
    """The engine says less than was guessed: its word counts, and it is asked again when that is over."""
    node = running_node
    node.adopt(goal=Goal(seconds=3600))
    node.session.add(make_view(1, seeding_seconds=600))
    node.session.facts[ONE] = SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=0.1, seconds=3000)
    await node.settled(3010.0)
    assert node.session.stopped == []
    node.session.facts[ONE] = SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=0.1, seconds=3600)
    await node.settled(700.0)

    assert len(node.session.stopped) == 1
    assert node.session.calls.count("seeding_facts") == 2


@pytest.mark.parametrize("unknown", [{"complete": UNKNOWN}, {"seconds": UNKNOWN}])
async def test_torrent_of_which_nothing_is_known_for_a_while_is_asked_about_again(
    running_node: Node, clock: MockClock, unknown: dict[str, Any]
) -> None:
    node = running_node
    node.adopt(goal=Goal(seconds=3600))
    node.session.add(make_view(1, seeding_seconds=3600))
    known = SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=0.1, seconds=3600)
    node.session.facts[ONE] = replace(known, **unknown)
    await node.settled(5.0)
    assert node.session.stopped == []
    node.session.facts[ONE] = known
    await node.settled(15.0)

    assert [key for key, _ in node.session.stopped] == [ONE]


async def test_seeding_time_counts_across_restarts_of_everybody(node: Node, clock: MockClock) -> None:
    node.settings = ThrottleSettings(1, goal=Goal(seconds=3600))
    node.session.add(make_view(1, seeding_seconds=3000))
    async with node.run():
        await node.settled(300.0)
    node.session.progress(ONE, seeding_seconds=3300)
    node.session.restart()
    async with node.run():
        await node.settled(290.0)
        assert node.session.stopped == []
        node.session.progress(ONE, seeding_seconds=3600)
        await node.settled(5.0)

    assert [key for key, _ in node.session.stopped] == [ONE]


async def test_goal_that_was_reached_while_the_governor_was_away_is_enforced(node: Node, clock: MockClock) -> None:
    node.settings = ThrottleSettings(1, goal=Goal(ratio=1.0))
    node.session.add(make_view(1, ratio=3.0))
    async with node.run():
        await node.settled(2.0)

    assert [key for key, _ in node.session.stopped] == [ONE]


async def test_goal_of_a_label_is_enforced_and_named(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(goal=Goal(ratio=9.0), labels=Labels(tags={"hd": LabelPolicy(goal=Goal(ratio=1.0))}))
    node.session.add(make_view(1, ratio=1.5, tags=("hd",)))
    node.session.add(make_view(2, ratio=1.5))
    await node.settled(2.0)

    assert node.session.stopped == [(ONE, 'ratio 1.5 has reached 1 (tag "hd")')]


async def test_new_goal_reaches_seeds_that_are_past_it(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.add(make_view(1, ratio=1.5))
    await node.settled(60.0)
    node.session.progress(ONE, ratio=1.6)
    await node.settled(60.0)
    assert node.session.stopped == []
    node.adopt(goal=Goal(ratio=1.0))
    await node.settled(2.0)

    assert [key for key, _ in node.session.stopped] == [ONE]


async def test_goal_that_is_taken_back_in_time_does_no_harm(running_node: Node, clock: MockClock) -> None:
    """The event of the change was missed: the configuration is read again before anything is done."""
    node = running_node
    node.adopt(goal=Goal(ratio=2.0))
    node.session.add(make_view(1, ratio=1.5))
    await node.settled(1.5)
    node.settings = replace(node.settings, goal=Goal())
    node.session.progress(ONE, ratio=2.5)
    await node.settled(2.0)

    assert node.session.stopped == []


@pytest.mark.parametrize("state", [state for state in TorrentState if state is not TorrentState.SEEDING])
async def test_only_seeds_are_stopped(running_node: Node, clock: MockClock, state: TorrentState) -> None:
    node = running_node
    node.adopt(goal=Goal(ratio=1.0, seconds=1))
    node.session.add(make_view(1, state=state, ratio=5.0, seeding_seconds=5000))
    await node.settled(60.0)

    assert node.session.stopped == []


async def test_torrent_that_begins_to_seed_is_counted_from_then(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(goal=Goal(seconds=600))
    node.session.add(make_view(1, state=TorrentState.COMPLETED, seeding_seconds=100))
    await node.settled(5000.0)
    node.session.change_state(ONE, TorrentState.SEEDING)
    await node.settled(490.0)
    assert "seeding_facts" not in node.session.calls
    node.session.facts[ONE] = SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=0.0, seconds=600)
    await node.settled(15.0)

    assert [key for key, _ in node.session.stopped] == [ONE]


async def test_seed_that_the_user_resumes_past_its_goal_is_stopped_again(running_node: Node, clock: MockClock) -> None:
    """The goal is a level, not an edge: who wants to seed on says so by another goal."""
    node = running_node
    node.adopt(goal=Goal(ratio=1.0))
    node.session.add(make_view(1, ratio=1.5))
    await node.settled(60.0)
    node.session.change_state(ONE, TorrentState.SEEDING)
    await node.settled(60.0)

    assert [key for key, _ in node.session.stopped] == [ONE, ONE]


async def test_stop_that_fails_is_tried_again(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.faults["stop"] = Away("the store is away")
    node.adopt(goal=Goal(ratio=1.0))
    node.session.add(make_view(1, ratio=1.5))
    await node.settled(60.0)
    tries = node.session.calls.count("stop")
    assert 5 <= tries <= 7, "once per ten seconds, and progress does not hurry it"
    node.session.faults.clear()
    await node.settled(node.timing.again + 1.0)

    assert [key for key, _ in node.session.stopped] == [ONE]


async def test_one_torrent_that_fails_does_not_hold_up_the_others(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(goal=Goal(ratio=1.0), labels=cleaning(1.0, data=True))
    node.session.faults["payload_facts"] = Away("cannot look")
    node.session.add(make_view(1, ratio=1.5, category="films"))
    node.session.add(make_view(2, ratio=1.5))
    await node.settled(5.0)

    assert [key for key, _ in node.session.stopped] == [TWO]
    assert node.session.removed == []


async def test_session_that_cannot_be_asked_is_told_of(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.faults["seeding_facts"] = SESSION_DOWN
    node.adopt(goal=Goal(ratio=1.0))
    node.session.add(make_view(1, ratio=1.5))
    await node.settled(5.0)
    assert "seeding goals wait: session is down" in (node.reason or "")
    node.session.faults.clear()
    await node.settled(node.timing.again + 1.0)

    assert [key for key, _ in node.session.stopped] == [ONE]
    assert node.reason is None


async def test_many_seeds_are_stopped_in_few_questions(running_node: Node, clock: MockClock) -> None:
    node = running_node
    for number in range(1, 1001):
        node.session.add(make_view(number, ratio=1.5))
    await node.settled(2.0)
    node.adopt(goal=Goal(ratio=1.0))
    await node.settled(5.0)

    assert len(node.session.stopped) == 1000
    assert node.session.calls.count("seeding_facts") <= 20


async def test_torrent_that_has_left_when_it_is_asked_about_is_let_go(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(goal=Goal(ratio=1.0), labels=cleaning(1.0))
    node.session.add(make_view(1, ratio=1.5, category="films"))
    del node.session.views[ONE]
    await node.settled(60.0)

    assert node.session.stopped == []
    assert node.session.removed == []
    assert node.session.calls.count("seeding_facts") == 1
    assert node.reason is None


class TestCleanup:
    async def test_torrent_goes_and_its_payload_stays(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.adopt(labels=cleaning(2.0))
        node.session.add(make_view(1, ratio=1.5, category="films"))
        await node.settled(30.0)
        assert node.session.removed == []
        node.session.progress(ONE, ratio=2.5)
        await node.settled(2.0)

        assert node.session.removed == [(ONE, False, 'ratio 2.5 has reached 2 (clean-up of category "films")')]
        assert "payload_facts" not in node.session.calls

    async def test_payload_goes_with_good_evidence(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.adopt(labels=cleaning(2.0, data=True))
        node.session.add(make_view(1, ratio=2.5, category="films"))
        await node.settled(2.0)

        assert [(key, data) for key, data, _ in node.session.removed] == [(ONE, True)]

    @pytest.mark.parametrize(
        "payload",
        [
            PayloadFacts(),
            replace(GOOD, readable=False),
            replace(GOOD, links=UNKNOWN),
            replace(GOOD, used_by=UNKNOWN),
            replace(GOOD, used_by=(TWO,)),
        ],
    )
    async def test_nothing_goes_without_evidence_until_there_is(
        self, running_node: Node, clock: MockClock, payload: PayloadFacts
    ) -> None:
        node = running_node
        node.session.payloads[ONE] = payload
        node.adopt(labels=cleaning(2.0, data=True))
        node.session.add(make_view(1, ratio=2.5, category="films"))
        for _ in range(100):
            node.session.progress(ONE, upload_bps=len(node.session.calls))
            await node.settled(10.0)
        assert node.session.removed == []
        assert node.session.calls.count("payload_facts") <= 1000 / node.timing.hold + 2
        node.session.payloads[ONE] = GOOD
        await node.settled(node.timing.hold)

        assert [(key, data) for key, data, _ in node.session.removed] == [(ONE, True)]

    async def test_held_torrent_still_stops_at_its_goal(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.session.payloads[ONE] = PayloadFacts()
        node.adopt(goal=Goal(ratio=1.0), labels=cleaning(2.0, data=True))
        node.session.add(make_view(1, ratio=2.5, category="films"))
        await node.settled(60.0)

        assert [key for key, _ in node.session.stopped] == [ONE]
        assert node.session.removed == []

    async def test_stopped_torrent_is_cleaned_up_too(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.adopt(labels=cleaning(2.0))
        node.session.add(make_view(1, state=TorrentState.COMPLETED, ratio=2.5, category="films"))
        await node.settled(2.0)

        assert [key for key, _, _ in node.session.removed] == [ONE]

    async def test_unknown_figures_remove_nothing(self, running_node: Node, clock: MockClock) -> None:
        """The view still shows the figures of the last run; the engine has not spoken yet."""
        node = running_node
        node.session.facts[ONE] = SeedingFacts(ONE, TorrentState.COMPLETED)
        node.adopt(labels=cleaning(2.0))
        node.session.add(make_view(1, state=TorrentState.COMPLETED, ratio=2.5, category="films"))
        await node.settled(60.0)

        assert node.session.removed == []

    async def test_time_of_a_clean_up_is_counted_along(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.adopt(labels=cleaning(None, 7 * DAY))
        node.session.add(make_view(1, seeding_seconds=int(6.5 * DAY), category="films"))
        await node.settled(0.5 * DAY - 10)
        assert "seeding_facts" not in node.session.calls
        node.session.facts[ONE] = SeedingFacts(ONE, TorrentState.SEEDING, complete=True, ratio=0.1, seconds=7 * DAY)
        await node.settled(15.0)

        assert [(key, data) for key, data, _ in node.session.removed] == [(ONE, False)]

    async def test_policy_that_cannot_be_read_again_removes_nothing(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.adopt(labels=cleaning(2.0))
        node.session.add(make_view(1, ratio=1.5, category="films"))
        await node.settled(2.0)
        node.config_fault = Away("no configuration")
        node.session.progress(ONE, ratio=2.5)
        await node.settled(60.0)
        assert node.session.removed == []
        node.config_fault = None
        await node.settled(node.timing.again + 1.0)

        assert [key for key, _, _ in node.session.removed] == [ONE]

    async def test_policy_that_is_taken_back_halfway_saves_the_rest(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.adopt(labels=cleaning(2.0))
        for number in range(1, 51):
            node.session.add(make_view(number, ratio=2.5, category="films"))
        node.session.delays["remove"] = 1.0
        await node.settled(10.5)
        node.adopt(labels=Labels())
        await node.settled(60.0)

        assert 9 <= len(node.session.removed) <= 12

    async def test_removal_that_fails_is_tried_again(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.session.faults["remove"] = Away("a file is in use")
        node.adopt(labels=cleaning(2.0))
        node.session.add(make_view(1, ratio=2.5, category="films"))
        await node.settled(35.0)
        assert node.session.calls.count("remove") == 4
        node.session.faults.clear()
        await node.settled(node.timing.again + 1.0)

        assert [key for key, _, _ in node.session.removed] == [ONE]
