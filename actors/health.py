"""Health of components: who is up, who is not, why and since when.

Rules:

* A component may have several sources (its supervisor and itself): the worst report counts.
* A change for the worse shows at once. A recovery shows when nothing worse was reported for `proof_seconds`;
  only the first start is believed at once.
* A component whose child is degraded or down is at least degraded; it is down when the child is essential.
* Severity: up < starting < degraded < down.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import trio


class HealthState(StrEnum):
    """State of a component."""

    STARTING = "starting"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


_SEVERITY = {HealthState.UP: 0, HealthState.STARTING: 1, HealthState.DEGRADED: 2, HealthState.DOWN: 3}


@dataclass(frozen=True, slots=True)
class Condition:
    """A state and its reason, None when there is nothing to explain."""

    state: HealthState
    reason: str | None = None


_UP = Condition(HealthState.UP)
_STARTING = Condition(HealthState.STARTING)


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """What is shown of a component.

    Attributes:
        state: its state, children folded in.
        reason: why it is not up, None when there is nothing to explain.
        since: when the state was entered, Unix seconds.
        generation: generation of the actor behind it, 0 when there is none.
        latency: the last measured latency in seconds, None when never measured.
        parent: the component that it is folded into, None when it stands for itself.
    """

    state: HealthState
    reason: str | None
    since: float
    generation: int
    latency: float | None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of what is shown of a component: its state or its reason.

    Attributes:
        component: name of the component.
        previous: the state before.
        current: the state now.
        reason: the reason now.
        at: when, Unix seconds.
        generation: generation of the actor behind it.
    """

    component: str
    previous: HealthState
    current: HealthState
    reason: str | None
    at: float
    generation: int


@dataclass(slots=True)
class _Component:
    name: str
    parent: str | None
    since: float
    essential: bool = False
    reports: dict[str, Condition] = field(default_factory=dict)
    own: Condition = _STARTING
    shown: Condition = _STARTING
    due: float | None = None
    has_failed: bool = False
    generation: int = 0
    latency: float | None = None


def _worst(conditions: list[Condition]) -> Condition:
    return max(conditions, key=lambda condition: _SEVERITY[condition.state])


class Reporter:
    """One source of reports on one component; made by `Health.reporter`."""

    def __init__(self, health: "Health", component: str, source: str) -> None:
        self._health = health
        self._component = component
        self._source = source

    def up(self) -> None:
        """Report that all is well; shown after proof when it was not."""
        self._report(_UP)

    def starting(self) -> None:
        """Report that it is not ready yet."""
        self._report(_STARTING)

    def degraded(self, reason: str) -> None:
        """Report that it works with limits, and why."""
        self._report(Condition(HealthState.DEGRADED, reason))

    def down(self, reason: str) -> None:
        """Report that it does not work, and why."""
        self._report(Condition(HealthState.DOWN, reason))

    def latency(self, seconds: float) -> None:
        """Note a measured latency in seconds."""
        self._health.note_latency(self._component, seconds)

    def generation(self, number: int) -> None:
        """Note the generation of the actor behind the component."""
        self._health.note_generation(self._component, number)

    def beside(self, source: str) -> "Reporter":
        """Return another source on the same component, which begins with nothing to complain about."""
        other = Reporter(self._health, self._component, source)
        other.up()
        return other

    def _report(self, condition: Condition) -> None:
        self._health.report(self._component, self._source, condition)


class Health:
    """The one place that knows the state of every component.

    Args:
        clock: monotonic seconds, the clock of trio by default.
        wall: Unix seconds.
        on_change: called with each transition, synchronously.
        proof_seconds: how long a recovery must hold before it is shown.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = trio.current_time,
        wall: Callable[[], float] = time.time,
        on_change: Callable[[Transition], None] | None = None,
        proof_seconds: float = 1.0,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._on_change = on_change
        self._proof = proof_seconds
        self._components: dict[str, _Component] = {}
        self._changed = trio.lowlevel.ParkingLot()

    def reporter(self, component: str, *, parent: str | None = None, essential: bool = False) -> Reporter:
        """Enter a component, which is starting until it reports, and return its reporter.

        Asking again for a component returns another handle on the same source; its parent stays, and once essential
        it stays essential.

        Args:
            component: its name.
            parent: a component entered before, into which it folds.
            essential: whether its parent, and the whole, is down when it is down.

        Raises:
            KeyError: the parent is unknown.
        """
        if parent is not None and parent not in self._components:
            raise KeyError(f"{component} names an unknown parent: {parent}")
        if component not in self._components:
            entry = _Component(component, parent, self._wall(), reports={"": _STARTING})
            self._components[component] = entry
        self._components[component].essential |= essential
        return Reporter(self, component, "")

    def snapshot(self) -> Mapping[str, ComponentHealth]:
        """Return what is shown of every component now."""
        self._settle_due()
        return {
            entry.name: ComponentHealth(
                entry.shown.state, entry.shown.reason, entry.since, entry.generation, entry.latency, entry.parent
            )
            for entry in self._components.values()
        }

    def overall(self) -> HealthState:
        """Return the state of the whole, folded from the components without a parent.

        Down when an essential one is down; else starting when one is starting; else degraded when one is degraded
        or down; else up.
        """
        self._settle_due()
        tops = [entry for entry in self._components.values() if entry.parent is None]
        states = {entry.shown.state for entry in tops}
        if any(entry.essential and entry.shown.state is HealthState.DOWN for entry in tops):
            return HealthState.DOWN
        if HealthState.STARTING in states:
            return HealthState.STARTING
        return HealthState.DEGRADED if states - {HealthState.UP} else HealthState.UP

    async def run(self) -> None:
        """Show recoveries when their proof is complete; runs until cancelled."""
        while True:
            due = self._next_due()
            if due is None:
                await self._changed.park()
            else:
                with trio.move_on_after(due - self._clock()):
                    await self._changed.park()
            self._settle_due()

    def settle(self, now: float) -> None:
        """Show the recoveries whose proof is complete at `now` (monotonic seconds)."""
        for entry in list(self._components.values()):
            if entry.due is not None and entry.due <= now:
                entry.due = None
                entry.has_failed = False
                entry.own = _UP
                self._show(entry)

    def report(self, component: str, source: str, condition: Condition) -> None:
        """Take in what `source` says about `component`; reporters call it."""
        entry = self._components[component]
        entry.reports[source] = condition
        target = _worst(list(entry.reports.values()))
        if target.state is HealthState.UP and entry.has_failed:
            if entry.due is None:
                entry.due = self._clock() + self._proof
        else:
            entry.due = None
            entry.has_failed |= _SEVERITY[target.state] >= _SEVERITY[HealthState.DEGRADED]
            entry.own = target
            self._show(entry)
        self._changed.unpark_all()

    def note_latency(self, component: str, seconds: float) -> None:
        """Keep a measured latency; reporters call it."""
        self._components[component].latency = seconds

    def note_generation(self, component: str, number: int) -> None:
        """Keep the generation behind a component; reporters call it."""
        self._components[component].generation = number

    def _next_due(self) -> float | None:
        return min((entry.due for entry in self._components.values() if entry.due is not None), default=None)

    def _settle_due(self) -> None:
        if self._next_due() is not None:
            self.settle(self._clock())

    def _show(self, entry: _Component) -> None:
        shown = self._fold(entry)
        previous = entry.shown
        if shown == previous:
            return
        entry.shown = shown
        now = self._wall()
        if shown.state is not previous.state:
            entry.since = now
        if self._on_change is not None:
            self._on_change(Transition(entry.name, previous.state, shown.state, shown.reason, now, entry.generation))
        if entry.parent is not None:
            self._show(self._components[entry.parent])

    def _fold(self, entry: _Component) -> Condition:
        conditions = [entry.own]
        for child in self._components.values():
            state = child.shown.state
            if child.parent != entry.name or state in (HealthState.UP, HealthState.STARTING):
                continue
            is_fatal = child.essential and state is HealthState.DOWN
            folded = HealthState.DOWN if is_fatal else HealthState.DEGRADED
            conditions.append(Condition(folded, f"{child.name}: {child.shown.reason}"))
        return _worst(conditions)
