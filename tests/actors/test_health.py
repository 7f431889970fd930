"""Health: worst report wins, recovery needs proof, children fold into parents."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import Health, HealthState, Transition

UP, STARTING = HealthState.UP, HealthState.STARTING
DEGRADED, DOWN = HealthState.DEGRADED, HealthState.DOWN


class Clinic:
    """A health register whose clocks belong to the test."""

    def __init__(self, proof_seconds: float = 1.0) -> None:
        self.now = 100.0
        self.changes: list[Transition] = []
        self.health = Health(
            clock=lambda: self.now,
            wall=lambda: self.now + 1_000_000,
            on_change=self.changes.append,
            proof_seconds=proof_seconds,
        )

    def state(self, component: str) -> HealthState:
        return self.health.snapshot()[component].state

    def reason(self, component: str) -> str | None:
        return self.health.snapshot()[component].reason

    def story(self, component: str) -> list[tuple[str, str | None]]:
        return [(change.current.value, change.reason) for change in self.changes if change.component == component]


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def test_component_is_starting_until_it_reports(clinic: Clinic) -> None:
    clinic.health.reporter("disk")
    found = clinic.health.snapshot()["disk"]
    assert (found.state, found.reason, found.since) == (STARTING, None, 1_000_100.0)
    assert (found.generation, found.latency) == (0, None)


def test_first_start_is_believed_at_once(clinic: Clinic) -> None:
    clinic.health.reporter("disk").up()
    assert clinic.state("disk") is UP


def test_change_for_the_worse_shows_at_once_with_reason_and_since(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.up()
    clinic.now = 200.0
    disk.degraded("slow")
    found = clinic.health.snapshot()["disk"]
    assert (found.state, found.reason, found.since) == (DEGRADED, "slow", 1_000_200.0)
    disk.down("gone")
    assert (clinic.state("disk"), clinic.reason("disk")) == (DOWN, "gone")


def test_recovery_shows_after_its_proof(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.down("gone")
    disk.up()
    assert (clinic.state("disk"), clinic.reason("disk")) == (DOWN, "gone")
    clinic.now += 0.9
    assert clinic.state("disk") is DOWN
    clinic.now += 0.1
    assert (clinic.state("disk"), clinic.reason("disk")) == (UP, None)
    assert clinic.story("disk") == [("down", "gone"), ("up", None)]


def test_relapse_starts_the_proof_anew(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.degraded("slow")
    disk.up()
    clinic.now += 0.9
    disk.degraded("slow")
    disk.up()
    clinic.now += 0.9
    assert clinic.state("disk") is DEGRADED
    clinic.now += 0.1
    assert clinic.state("disk") is UP


def test_flapping_component_stays_degraded_without_a_transition(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    for _ in range(10):
        disk.degraded("slow")
        clinic.now += 0.3
        disk.up()
        clinic.now += 0.3
    assert clinic.story("disk") == [("degraded", "slow")]


def test_repeated_good_news_does_not_delay_the_recovery(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.degraded("slow")
    for _ in range(11):
        disk.up()
        clinic.now += 0.1
    assert clinic.state("disk") is UP


def test_starting_again_does_not_get_around_the_proof(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.down("gone")
    disk.starting()
    assert clinic.state("disk") is STARTING
    disk.up()
    assert clinic.state("disk") is STARTING
    clinic.now += 1
    assert clinic.state("disk") is UP


def test_after_a_proven_recovery_the_next_start_is_believed_again(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.down("gone")
    disk.up()
    clinic.now += 1
    assert clinic.state("disk") is UP
    disk.starting()
    disk.up()
    assert clinic.state("disk") is UP


def test_new_reason_is_a_transition_that_keeps_its_since(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.degraded("slow")
    since = clinic.health.snapshot()["disk"].since
    clinic.now += 5
    disk.degraded("slower")
    assert clinic.story("disk") == [("degraded", "slow"), ("degraded", "slower")]
    assert clinic.health.snapshot()["disk"].since == since
    assert clinic.changes[-1].previous is DEGRADED


def test_same_report_again_is_no_transition(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.degraded("slow")
    disk.degraded("slow")
    assert len(clinic.changes) == 1


def test_asking_again_gives_another_handle_on_the_same_component(clinic: Clinic) -> None:
    clinic.health.reporter("disk").up()
    clinic.health.reporter("disk").degraded("slow")
    assert clinic.reason("disk") == "slow"


def test_component_entered_before_its_supervisor_calls_it_essential_becomes_so(clinic: Clinic) -> None:
    clinic.health.reporter("disk").down("gone")
    clinic.health.reporter("disk", essential=True)
    clinic.health.reporter("disk")
    assert clinic.health.overall() is DOWN


def test_worst_of_two_sources_counts(clinic: Clinic) -> None:
    supervisor = clinic.health.reporter("disk")
    actor = supervisor.beside("actor")
    supervisor.up()
    actor.degraded("slow")
    assert clinic.reason("disk") == "slow"
    supervisor.down("crashed")
    assert clinic.reason("disk") == "crashed"
    supervisor.up()
    assert (clinic.state("disk"), clinic.reason("disk")) == (DEGRADED, "slow")
    actor.up()
    clinic.now += 1
    assert clinic.state("disk") is UP


def test_latency_and_generation_are_shown(clinic: Clinic) -> None:
    disk = clinic.health.reporter("disk")
    disk.latency(0.004)
    disk.generation(3)
    found = clinic.health.snapshot()["disk"]
    assert (found.latency, found.generation) == (0.004, 3)


# Folding.


@pytest.mark.parametrize(
    ("essential", "worsen", "expected"),
    [
        (False, lambda reporter: reporter.degraded("full"), (DEGRADED, "disk: full")),
        (False, lambda reporter: reporter.down("gone"), (DEGRADED, "disk: gone")),
        (True, lambda reporter: reporter.degraded("full"), (DEGRADED, "disk: full")),
        (True, lambda reporter: reporter.down("gone"), (DOWN, "disk: gone")),
        (False, lambda reporter: reporter.starting(), (UP, None)),
    ],
)
def test_child_folds_into_its_parent(
    clinic: Clinic, essential: bool, worsen: Callable[..., None], expected: tuple[HealthState, str | None]
) -> None:
    clinic.health.reporter("storage").up()
    disk = clinic.health.reporter("disk", parent="storage", essential=essential)
    worsen(disk)
    assert (clinic.state("storage"), clinic.reason("storage")) == expected
    disk.up()
    clinic.now += 1
    assert clinic.state("storage") is UP


def test_fold_reaches_the_grandparent(clinic: Clinic) -> None:
    clinic.health.reporter("node").up()
    clinic.health.reporter("storage", parent="node").up()
    clinic.health.reporter("disk", parent="storage").down("gone")
    assert clinic.reason("node") == "storage: disk: gone"
    assert [change.component for change in clinic.changes] == ["node", "storage", "disk", "storage", "node"]


def test_parent_of_its_own_trouble_keeps_its_reason(clinic: Clinic) -> None:
    storage = clinic.health.reporter("storage")
    clinic.health.reporter("disk", parent="storage").degraded("full")
    storage.down("unmounted")
    assert clinic.reason("storage") == "unmounted"


def test_unknown_parent_is_an_error(clinic: Clinic) -> None:
    with pytest.raises(KeyError, match="disk names an unknown parent: storage"):
        clinic.health.reporter("disk", parent="storage")


def test_whole_is_up_when_nothing_is_wrong(clinic: Clinic) -> None:
    assert clinic.health.overall() is UP
    clinic.health.reporter("disk").up()
    assert clinic.health.overall() is UP


def test_whole_is_starting_until_all_have_started(clinic: Clinic) -> None:
    clinic.health.reporter("a").degraded("slow")
    clinic.health.reporter("b")
    assert clinic.health.overall() is STARTING


def test_whole_is_degraded_by_anything_that_is_not_essential(clinic: Clinic) -> None:
    clinic.health.reporter("a").up()
    clinic.health.reporter("b").down("gone")
    assert clinic.health.overall() is DEGRADED


def test_whole_is_down_when_an_essential_component_is(clinic: Clinic) -> None:
    clinic.health.reporter("a", essential=True).down("gone")
    clinic.health.reporter("b")
    assert clinic.health.overall() is DOWN


def test_child_that_has_not_reported_does_not_keep_the_whole_from_being_up(clinic: Clinic) -> None:
    clinic.health.reporter("session").up()
    clinic.health.reporter("tracker", parent="session")
    assert clinic.health.overall() is UP


# Time.


async def test_run_shows_recoveries_when_they_are_due(autojump_clock: MockClock) -> None:
    changes: list[tuple[str, float]] = []
    health = Health(on_change=lambda change: changes.append((change.current.value, trio.current_time())))
    disk, net = health.reporter("disk"), health.reporter("net")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(health.run)
        await wait_all_tasks_blocked()
        disk.down("gone")
        net.down("cut")
        disk.up()
        await trio.sleep(0.5)
        net.up()
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert changes == [("down", 0.0), ("down", 0.0), ("up", 1.0), ("up", 1.5)]


def test_settle_shows_what_is_due_and_nothing_else(clinic: Clinic) -> None:
    disk, net = clinic.health.reporter("disk"), clinic.health.reporter("net")
    disk.down("gone")
    net.down("cut")
    disk.up()
    clinic.now += 0.5
    net.up()
    clinic.health.settle(clinic.now + 0.5)
    assert [change.component for change in clinic.changes if change.current is UP] == ["disk"]


def test_works_without_a_listener_and_outside_of_trio() -> None:
    health = Health()
    health.reporter("disk").degraded("slow")
    assert health.snapshot()["disk"].reason == "slow"
    assert health.overall() is DEGRADED
