"""The configuration that is in force, for parts of the daemon that are made anew after a crash and cannot wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from actors import ActorRef
from revaer.config.messages import ConfigMessage, ConfigSnapshot, ReadSecret
from revaer.daemon.translate import engine_settings, secret_names
from revaer.session.port import EngineSettings

SECRET_SECONDS: Final = 5.0
"""Within which a secret must be told."""


class InForce:
    """Holds the newest configuration that was read, and what the engine shall be like by it. It outlives the actors.

    Args:
        config: whom secrets are asked of.
    """

    def __init__(self, config: ActorRef[ConfigMessage]) -> None:
        self._config = config
        self._newest: ConfigSnapshot | None = None
        self._engine = EngineSettings(offline=True)
        self._translated: ConfigSnapshot | None = None
        self._resume_dir: Path | None = None

    @property
    def newest(self) -> ConfigSnapshot:
        """The newest configuration; there is one once the child that does the setup has started."""
        assert self._newest is not None, "the configuration is read before anybody needs it"
        return self._newest

    @property
    def engine(self) -> EngineSettings:
        """What the engine shall be like; offline as long as that cannot be told whole."""
        return self._engine

    @property
    def resume_dir(self) -> Path:
        """Where records are kept: what held when it was first asked for, because a running node does not move them."""
        if self._resume_dir is None:
            self._resume_dir = Path(self.newest.effective["engine_profile"]["resume_dir"])
        return self._resume_dir

    async def adopt(self, snapshot: ConfigSnapshot) -> None:
        """Take a configuration, unless a newer one is here.

        Raises:
            ActorError: a secret that the engine needs cannot be had. The engine keeps the settings that it has, and is
                offline when it has none: without the proxy it would show the address that the proxy hides.
        """
        if self._newest is None or snapshot.revision >= self._newest.revision:
            self._newest = snapshot
        if self._translated is self._newest:
            return
        wanted = self._newest
        if self._translated is None:
            self._engine = replace(engine_settings(wanted, dict.fromkeys(secret_names(wanted), "")), offline=True)
        secrets = {
            name: await self._config.ask(ReadSecret(name), within=SECRET_SECONDS) for name in secret_names(wanted)
        }
        if wanted is self._newest:  # another call may have taken a newer one meanwhile
            self._engine, self._translated = engine_settings(wanted, secrets), wanted
