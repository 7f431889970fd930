"""The governor and the global limits: applied, read back, measured, repaired."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
import trio
from trio.testing import MockClock

from actors import ActorDown
from revaer.throttle.messages import ApplyNow, LimitsUnavailable, ReadGuardrails, ReadLimits
from revaer.throttle.resolution import Caps, Limit, Rates
from revaer.throttle.schedule import Window
from revaer.throttle.settings import AltSpeed, ThrottleSettings
from tests.throttle.node import SESSION_DOWN, START, Away, Node

SANE = Caps(10_000_000, 1_000_000)
EVERY_DAY = frozenset(range(7))
NOON = Window(EVERY_DAY, time(12), time(14), "UTC")  # two hours after the start of a test
ALT = AltSpeed(Caps(500_000, 50_000), (NOON,))
HOUR = 3600.0


async def test_limits_of_the_configuration_are_in_the_engine_after_the_start(node: Node, clock: MockClock) -> None:
    node.settings = ThrottleSettings(7, SANE)
    async with node.run():
        state = await node.ask(ReadLimits())

    assert node.session.engine == Rates(10_000_000, 1_000_000)
    assert (state.revision, state.in_effect, state.problem) == (7, True, None)
    assert state.limits.download == Limit(10_000_000, "profile")
    assert state.engine is not None
    assert state.engine.rates == node.session.engine


async def test_new_revision_is_in_the_engine_without_a_wait(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt(caps=SANE)
    before = trio.current_time()
    await node.settled()

    assert node.session.engine == Rates(10_000_000, 1_000_000)
    assert trio.current_time() == before
    assert await node.in_effect()


async def test_time_from_adoption_to_reading_back_is_measured(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.delay = 0.75
    node.adopt(caps=SANE)
    await node.settled(1.0)

    assert node.applied == [0.75]
    assert (await node.ask(ReadLimits())).apply_seconds == 0.75


async def test_revision_that_changes_no_limit_is_measured_too(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.adopt()
    await node.settled()

    assert node.applied == [0.0]
    assert "apply_limits" not in node.session.calls


async def test_start_is_not_measured(node: Node, clock: MockClock) -> None:
    node.settings = ThrottleSettings(7, SANE)
    async with node.run():
        await node.settled(20.0)

    assert node.applied == []


async def test_thousand_rapid_revisions_end_at_the_last(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.delay = 0.01
    for rate in range(1, 1001):
        node.adopt(caps=Caps(rate, rate))
        if rate % 10 == 0:
            await trio.sleep(0.003)
    await node.settled(1.0)

    assert node.session.engine == Rates(1000, 1000)
    assert (await node.ask(ReadLimits())).revision == 1001
    assert node.applied, "and their times were measured"


async def test_oldest_revision_that_waits_is_the_one_that_is_measured(running_node: Node, clock: MockClock) -> None:
    node = running_node
    node.session.fault = SESSION_DOWN
    node.adopt(caps=SANE)
    await node.settled(1.0)
    node.adopt(caps=Caps(5, 5))
    await node.settled(0.5)
    node.session.fault = None
    await node.settled(3.0)

    assert len(node.applied) == 1
    assert 1.5 <= node.applied[0] <= 1.5 + node.timing.retry_longest


class TestSchedule:
    async def test_alternative_speed_begins_and_ends_to_the_second(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE, ALT)
        async with node.run():
            assert (await node.ask(ReadLimits())).changes_at == START + 2 * HOUR
            await node.settled(2 * HOUR - 0.5)
            assert node.session.engine == Rates(10_000_000, 1_000_000)
            await node.settled(0.6)
            assert node.session.engine == Rates(500_000, 50_000)
            state = await node.ask(ReadLimits())
            assert (state.window, state.limits.download.rule) == (NOON, "alt_speed")
            await node.settled(2 * HOUR)
            assert node.session.engine == Rates(10_000_000, 1_000_000)

    async def test_step_of_the_wall_clock_is_noticed_soon(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE, ALT)
        async with node.run():
            node.wall_step = 2.5 * HOUR
            await node.settled(node.timing.verify + 0.1)
            assert node.session.engine == Rates(500_000, 50_000)
            node.wall_step = 0.0
            await node.settled(node.timing.verify + 0.1)
            assert node.session.engine == Rates(10_000_000, 1_000_000)

    async def test_window_of_an_unknown_zone_is_left_out_and_told(self, node: Node, clock: MockClock) -> None:
        lost = replace(NOON, start=time(0), end=time(0), timezone="Mars/Olympus")
        node.settings = ThrottleSettings(1, SANE, AltSpeed(ALT.caps, (lost, NOON)))
        async with node.run():
            assert node.session.engine == Rates(10_000_000, 1_000_000)
            assert "Mars/Olympus" in (node.reason or "")
            await node.settled(2.5 * HOUR)
            assert node.session.engine == Rates(500_000, 50_000)
            node.adopt(alt_speed=ALT)
            await node.settled(1.0)
            assert node.reason is None


class TestDrift:
    async def test_limits_come_back_after_a_session_restart_at_once(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            node.session.restart(Rates(1, 1))
            await node.settled()

        assert node.session.engine == Rates(10_000_000, 1_000_000)

    async def test_session_that_comes_back_slowly_gets_its_limits(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            node.session.fault = SESSION_DOWN
            node.session.restart()
            await node.settled(0.5)
            assert not await node.in_effect()
            assert "session is down" in (node.reason or "")
            await node.settled(30.0)
            node.session.fault = None
            await node.settled(node.timing.retry_longest + 0.1)
            assert node.session.engine == Rates(10_000_000, 1_000_000)
            assert node.reason is None

    async def test_engine_that_drifts_silently_is_put_right(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            node.session.engine = Rates(5, 5)
            await node.settled(node.timing.verify + 0.1)

        assert node.session.engine == Rates(10_000_000, 1_000_000)

    async def test_nothing_is_applied_while_nothing_differs(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            await node.settled(60.0)

        assert node.session.calls.count("apply_limits") == 1
        assert node.session.calls.count("read_limits") >= 12

    async def test_missed_event_is_made_up_for_by_looking(self, node: Node, clock: MockClock) -> None:
        async with node.run():
            node.settings = ThrottleSettings(2, SANE)
            await node.settled(node.timing.verify + 0.1)

        assert node.session.engine == Rates(10_000_000, 1_000_000)


class TestFailure:
    async def test_start_succeeds_with_everything_away(self, node: Node, clock: MockClock) -> None:
        node.config_fault, node.session.fault = Away("no configuration"), SESSION_DOWN
        async with node.run():
            state = await node.ask(ReadLimits())
            assert (state.revision, state.in_effect, state.problem) == (None, False, "no configuration")
            assert "no configuration" in (node.reason or "")
            assert "apply_limits" not in node.session.calls
            node.config_fault = node.session.fault = None
            await node.settled(3.0)
            assert await node.in_effect()
            assert node.reason is None

    async def test_configuration_that_goes_away_leaves_the_engine_alone(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            node.config_fault = Away("no configuration")
            await node.settled(30.0)
            assert node.session.engine == Rates(10_000_000, 1_000_000)
            assert "no configuration" in (node.reason or "")

    async def test_engine_that_does_not_take_limits_is_told_of(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.session.deaf = True
        node.adopt(caps=SANE)
        await node.settled(1.0)
        state = await node.ask(ReadLimits())

        assert not state.in_effect
        assert node.reason == (
            "the limits may not hold: the engine is at unlimited down, unlimited up "
            "after it was told 10000000 B/s down, 1000000 B/s up"
        )
        node.session.deaf = False
        await node.settled(node.timing.retry_longest + 0.1)
        assert await node.in_effect()
        assert node.reason is None

    async def test_failing_calls_are_repeated_with_growing_pauses(self, node: Node, clock: MockClock) -> None:
        node.session.fault = SESSION_DOWN
        async with node.run():
            await node.settled(60.0)

        assert 60 / node.timing.retry_longest * 0.5 < node.reads < 60 / node.timing.retry_longest + 10

    async def test_crash_of_the_session_port_crashes_the_governor_and_it_recovers(
        self, running_node: Node, clock: MockClock
    ) -> None:
        node = running_node
        node.session.faults["read_limits"] = RuntimeError("a defect")
        node.adopt(caps=SANE)
        await node.settled()
        node.session.faults.clear()
        await node.settled(5.0)

        assert node.ref.generation == 2
        assert node.session.engine == Rates(10_000_000, 1_000_000)


class TestApplyNow:
    async def test_answers_when_the_limits_hold(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.session.delay = 0.5
        node.settings = ThrottleSettings(2, SANE)
        state = await node.ask(ApplyNow())

        assert (state.revision, state.in_effect) == (2, True)
        assert node.session.engine == Rates(10_000_000, 1_000_000)

    async def test_request_during_a_pass_waits_for_the_next_one(self, running_node: Node, clock: MockClock) -> None:
        """The pass under way may have read the configuration before the request came."""
        node = running_node
        node.session.delay = 0.5
        node.adopt(caps=Caps(5, 5))
        await trio.sleep(0.1)
        node.settings = ThrottleSettings(9, SANE)
        state = await node.ask(ApplyNow())

        assert state.revision == 9
        assert node.session.engine == Rates(10_000_000, 1_000_000)

    async def test_refuses_when_the_session_is_away(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        node.session.fault = SESSION_DOWN
        with pytest.raises(LimitsUnavailable, match="session is down") as caught:
            await node.ask(ApplyNow())

        assert caught.value.retry_after > 0

    async def test_many_at_once_are_all_answered(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        revisions: list[int | None] = []

        async def apply() -> None:
            revisions.append((await node.ask(ApplyNow())).revision)

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(apply)

        assert revisions == [1] * 50

    async def test_stop_ends_those_who_wait(self, node: Node, clock: MockClock) -> None:
        outcome: list[Exception] = []

        async def apply() -> None:
            try:
                await node.ask(ApplyNow())
            except ActorDown as error:
                outcome.append(error)

        async with trio.open_nursery() as nursery, node.run():
            node.session.delay = 1000.0
            node.adopt(caps=SANE)
            await node.settled()
            nursery.start_soon(apply)
            await node.settled()

        assert len(outcome) == 1


class TestGuardrails:
    async def test_missing_caps_trip_and_clear(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        assert node.guardrails() == [("global_download_cap", True), ("global_upload_cap", True)]
        assert [one.guardrail for one in await node.ask(ReadGuardrails())] == [
            "global_download_cap",
            "global_upload_cap",
        ]
        node.adopt(caps=SANE)
        await node.settled()
        assert node.guardrails() == [("global_download_cap", False), ("global_upload_cap", False)]
        assert await node.ask(ReadGuardrails()) == ()
        assert node.trips == ["global_download_cap", "global_upload_cap"]

    async def test_guard_rail_that_stays_tripped_is_told_once(self, running_node: Node, clock: MockClock) -> None:
        node = running_node
        await node.settled(60.0)
        node.adopt()
        await node.settled()

        assert node.trips == ["global_download_cap", "global_upload_cap"]

    async def test_caps_that_hold_are_looked_at_and_not_those_that_are_written(
        self, node: Node, clock: MockClock
    ) -> None:
        """An alternative speed without limit is dangerous while it holds."""
        node.settings = ThrottleSettings(1, SANE, AltSpeed(Caps(0, 50_000), (NOON,)))
        async with node.run():
            assert node.guardrails() == []
            await node.settled(2 * HOUR + 1)
            assert node.guardrails() == [("global_download_cap", True)]
            await node.settled(2 * HOUR)
            assert node.guardrails() == [("global_download_cap", False)]

    async def test_keys_and_setup_listener_trip(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            node.adopt(unlimited_keys=("rk_a",), endless_keys=("rk_b",), exposed_setup="0.0.0.0")
            await node.settled()

        assert node.trips == ["key_without_rate_limit", "key_without_expiry", "setup_listener"]

    async def test_slow_application_trips_and_a_quick_one_clears(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            node.session.delay = 2.5
            node.adopt(caps=Caps(5, 5))
            await node.settled(3.0)
            assert node.guardrails() == [("slow_config_apply", True)]
            node.session.delay = 0.0
            node.adopt(caps=SANE)
            await node.settled()
            assert node.guardrails() == [("slow_config_apply", False)]

    async def test_application_that_does_not_succeed_trips_without_an_end(self, node: Node, clock: MockClock) -> None:
        node.settings = ThrottleSettings(1, SANE)
        async with node.run():
            node.session.fault = SESSION_DOWN
            node.adopt(caps=Caps(5, 5))
            await node.settled(20.0)

        assert node.guardrails() == [("slow_config_apply", True)]

    async def test_restart_of_the_governor_neither_repeats_nor_forgets(self, node: Node, clock: MockClock) -> None:
        async with node.run():
            assert len(node.guardrails()) == 2
            assert node.supervisor is not None
            node.settings = ThrottleSettings(2, replace(SANE, upload_bps=0))
            node.supervisor.crash("throttle", RuntimeError("a defect"))
            await node.settled(5.0)

            assert node.ref.generation == 2
            assert node.guardrails() == [("global_download_cap", False)]


async def test_crashed_governor_leaves_no_subscription_behind(running_node: Node, clock: MockClock) -> None:
    node = running_node
    before = sorted(one.name for one in node.bus.subscribers())
    assert node.supervisor is not None
    node.supervisor.crash("throttle", RuntimeError("a defect"))
    await node.settled(5.0)

    assert node.ref.generation == 2
    assert sorted(one.name for one in node.bus.subscribers()) == before == ["test", "throttle", "throttle-signals"]
