"""Opening the engine: with the newest settings, and offline when what it is bound to is not there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from revaer.session.address_ranges import AddressRanges
from revaer.session.binding import Binding
from revaer.session.eye import NetworkEye
from revaer.session.port import Engine, EngineFactory, EngineSettings


@dataclass(frozen=True, slots=True)
class OpenedEngine:
    """An open engine.

    Attributes:
        engine: the engine.
        settings: what it was opened with, but for the binding.
        binding: what was found of the network that it is bound to.
        eye: looks at that again.
        blocklist: what it blocks beside the settings' networks.
    """

    engine: Engine
    settings: EngineSettings
    binding: Binding
    eye: NetworkEye
    blocklist: AddressRanges | None = None


async def open_engine(
    factory: EngineFactory,
    settings: EngineSettings,
    eye: NetworkEye,
    *,
    state_dir: Path,
    blocklist: AddressRanges | None = None,
) -> OpenedEngine:
    """Open an engine that is online only when everything it is bound to is there.

    Raises:
        InvalidSetting: a setting is out of its bounds.
        EngineError: there is no engine.
    """
    binding = await eye.look(settings)
    wanted = replace(settings, offline=settings.offline or binding.is_cut, blocklist=blocklist)
    return OpenedEngine(await factory(wanted, state_dir=state_dir), settings, binding, eye, blocklist)
