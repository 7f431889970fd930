"""What is in force in this process, and how another revision takes its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
import trio

from actors import Bus
from revaer.config.diff import diff
from revaer.config.documents import Configuration
from revaer.config.effective import effective
from revaer.config.keyring import key_pointer
from revaer.config.messages import ConfigSnapshot
from revaer.config.pointers import join, split
from revaer.config.state import State
from revaer.config.stored import Restored, restore
from revaer.config.surroundings import Defaults
from revaer.config.troubles import Troubles
from revaer.config.work import Lane
from revaer.events import Event, SettingsChanged
from revaer.security.messages import StoredKey

log = structlog.get_logger("revaer.config")

Cause = Literal["start", "copy", "change", "notification", "poll", "listening"]
"""What brought a revision in."""

_DOCUMENTS: Final = "documents"
_MOST_POINTERS: Final = 100
"""More are told as the documents that they are in."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """A revision came into force.

    Attributes:
        revision: which.
        seconds: from the change to now, by the database's clock.
        cause: what brought it in.
    """

    revision: int
    seconds: float
    cause: Cause


@dataclass(frozen=True, slots=True)
class Held:
    """A revision as it is stored, and as it is understood."""

    state: State
    snapshot: ConfigSnapshot


class Current:
    """Holds what is in force.

    Args:
        bus: told of every other revision.
        lane: where documents are worked on.
        defaults: what holds where the documents are silent.
        troubles: told of what is stored and cannot be used.
        on_keys: given the keys when they change, and at first.
        on_adopted: told of every adoption.
    """

    def __init__(
        self,
        *,
        bus: Bus[Event],
        lane: Lane,
        defaults: Defaults,
        troubles: Troubles,
        on_keys: Callable[[Sequence[StoredKey]], None],
        on_adopted: Callable[[Adoption], None],
    ) -> None:
        self._bus = bus
        self._lane = lane
        self._defaults = defaults
        self._troubles = troubles
        self._on_keys = on_keys
        self._on_adopted = on_adopted
        self._held = interpret(State(), defaults, None)[0]

    @property
    def state(self) -> State:
        """What is in force, as it is stored."""
        return self._held.state

    @property
    def snapshot(self) -> ConfigSnapshot:
        """What is in force, as others see it."""
        return self._held.snapshot

    async def begin(self, state: State, cause: Cause, *, announce: bool) -> None:
        """Take the first revision of this generation.

        Args:
            state: the revision.
            cause: where it comes from.
            announce: tell of it as of a change of everything: an earlier generation may have died before telling.
        """
        held, restored = await self._lane.run(interpret, state, self._defaults, None)
        self._enter(held, restored, ("",) if announce else None, cause)
        self._on_keys(_stored_keys(state))

    async def adopt(self, state: State, cause: Cause) -> None:
        """Put another revision into force and tell of it. The same one again does nothing."""
        if state.holds_what(self.state):
            return
        before = self._held
        held, restored = await self._lane.run(interpret, state, self._defaults, before.snapshot.configuration)
        pointers = await self._lane.run(_differences, before, held)
        self._enter(held, restored, pointers, cause)
        if state.keys != before.state.keys:
            self._on_keys(_stored_keys(state))

    def _enter(self, held: Held, restored: Restored, pointers: tuple[str, ...] | None, cause: Cause) -> None:
        """Make it so, in one step of the event loop, but for the keys."""
        self._held = held
        state = held.state
        places = ", ".join(f"{problem.pointer} {problem.message}" for problem in restored.problems)
        self._troubles.put(_DOCUMENTS, f"stored settings that cannot be used: {places}" if places else None)
        log.info("config_adopted", revision=state.revision, cause=cause, pointers=pointers, author=state.author)
        if pointers is not None:
            event = SettingsChanged(state.revision, pointers, state.author or "unknown")
            self._bus.publish(event, request_id=state.request_id)
        passed = trio.current_time() - state.seen_at if state.seen_at else 0.0
        self._on_adopted(Adoption(state.revision, state.age + passed, cause))


def interpret(state: State, defaults: Defaults, last: Configuration | None) -> tuple[Held, Restored]:
    """Understand what is stored. Takes milliseconds for many labels.

    Args:
        state: what is stored.
        defaults: what holds where the documents are silent.
        last: what was in force before. A document that cannot be used whole stays as it was: an unusable limit must not
            become no limit in a running node.
    """
    restored = restore(state.documents)
    configuration = restored.configuration
    if last is not None:
        damaged = {split(problem.pointer)[0] for problem in restored.problems if problem.pointer}
        kept: dict[str, Any] = {name: getattr(last, name) for name in damaged if hasattr(last, name)}
        configuration = configuration.model_copy(update=kept)
    snapshot = ConfigSnapshot(
        revision=state.revision,
        configuration=configuration,
        effective=effective(configuration, defaults),
        keys=tuple(key.facts for key in state.keys),
        secrets={name: record.facts for name, record in state.secrets.items()},
        changed_at=state.changed_at,
    )
    return Held(state, snapshot), restored


def _differences(before: Held, after: Held) -> tuple[str, ...]:
    changes = diff(before.snapshot.configuration, after.snapshot.configuration)
    old = {key.facts.key_id: key for key in before.state.keys}
    new = {key.facts.key_id: key for key in after.state.keys}
    pointers = (
        *(change.pointer for change in changes),
        *(key_pointer(key_id) for key_id in _differing(old, new)),
        *(join(("secrets", name)) for name in _differing(before.snapshot.secrets, after.snapshot.secrets)),
    )
    if len(pointers) <= _MOST_POINTERS:
        return pointers
    return tuple(dict.fromkeys(join(split(pointer)[:1]) for pointer in pointers))


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    return (name for name in sorted({*before, *after}) if before.get(name) != after.get(name))


def _stored_keys(state: State) -> tuple[StoredKey, ...]:
    return tuple(stored for key in state.keys if (stored := key.stored()) is not None)
