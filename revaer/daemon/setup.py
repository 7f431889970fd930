"""The setup that a node does by itself, before anything else starts: with an admin key that is on disk first.

It is done before the first revision only, never after a factory reset and never when a database has lost what it held:
the defaults would show more of the node than its owner allowed. Both lead back to a setup by hand. Every step may be
cut short by a kill; the next start takes the key that is on disk and goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Never, assert_never

import structlog
import trio

from actors import Actor, ActorError, ActorRef, Bus, Handled
from revaer.config.effective import is_loopback
from revaer.config.messages import (
    CompleteSetup,
    ConfigInvalid,
    ConfigMessage,
    ConfigSnapshot,
    IssueKey,
    ReadConfiguration,
    RevokeKey,
    SecretsUnavailable,
    SetupRefused,
    StartSetup,
)
from revaer.daemon.bootstrap import Bootstrap
from revaer.daemon.errors import DirectoryUnusable, UsageError
from revaer.daemon.keys import LocalKey
from revaer.events import Event, SettingsChanged
from revaer.security.messages import generate_key

log = structlog.get_logger("revaer.daemon")

AUTHOR: Final = "revaer serve"
KEY_LABEL: Final = "admin of this node"
ASK_SECONDS: Final = 12.0
FIRST_SECONDS: Final = 10.0
"""How long a start waits for the setup."""
TOKEN_SECONDS: Final = 300.0
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class SetupTerms:
    """How a node comes to its setup.

    Attributes:
        is_auto: whether it completes its setup by itself, and always has a local admin key.
        bootstrap: the changeset of an unattended setup; it completes the setup in either mode.
        bind: where the command line wants the API to listen; None leaves it to the profile.
    """

    is_auto: bool = True
    bootstrap: Bootstrap | None = None
    bind: str | None = None

    @property
    def is_unattended(self) -> bool:
        """Whether nobody is expected to complete the setup."""
        return self.is_auto or self.bootstrap is not None


class SetupActor(Actor[Never]):
    """Completes the setup, or tells that somebody has to. It takes no messages.

    Args:
        config: whose setup it is.
        bus: tells of a way back into the setup.
        terms: who completes the setup.
        key: the local admin key.
        adopt: given the configuration as soon as it is read, and again after the setup.
    """

    def __init__(
        self,
        *,
        config: ActorRef[ConfigMessage],
        bus: Bus[Event],
        terms: SetupTerms,
        key: LocalKey,
        adopt: Callable[[ConfigSnapshot], Awaitable[None]],
    ) -> None:
        self._config = config
        self._bus = bus
        self._terms = terms
        self._key = key
        self._adopt = adopt
        self._told: str | None = None
        self._postponed = ""
        self._has_looked = False
        self._unkept: set[str] = set()
        self._changed = trio.Event()

    async def on_start(self) -> None:
        """Do what can be done now; what the database is needed for and is away is done when it is back.

        Raises:
            UsageError: the changeset or the key file of an unattended setup must be changed first.
            DirectoryUnusable: the credentials file must be looked after first.
        """
        done = False
        try:
            with trio.move_on_after(FIRST_SECONDS):
                done = await self._attempt()
        except (UsageError, DirectoryUnusable) as error:
            if self.context.generation == 1:
                raise
            done = self._refused(error)
        self.context.spawn(self._run, done)

    async def handle(self, message: Never) -> Handled:
        """Nobody has anything to say to the setup."""
        assert_never(message)

    async def _run(self, done: bool) -> None:
        """Look again after every change, and soon after an attempt that failed."""
        with self._bus.subscribe("setup", capacity=1, wants=self._notice):
            attempt = 0
            while True:
                with trio.move_on_after(math.inf if done else RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]):
                    await self._changed.wait()
                self._changed = trio.Event()
                try:
                    done = await self._attempt()
                except (UsageError, DirectoryUnusable) as error:
                    done = self._refused(error)
                attempt = 0 if done else attempt + 1

    def _notice(self, event: Event) -> bool:
        if isinstance(event, SettingsChanged):
            self._changed.set()
        return False

    def _refused(self, error: Exception) -> bool:
        log.error("setup_not_completed", reason=str(error))
        self.context.health.degraded(f"the setup cannot be completed: {error}")
        return True

    async def _attempt(self) -> bool:
        """Go as far as possible; False when something is away and it has to be tried again."""
        try:
            snapshot = await self._read()
            await self._adopt(snapshot)
            if _is_active(snapshot):
                self._told = None
                await self._revoke_unkept(snapshot)
                if not self._has_looked:
                    await self._keep_key()
                self._has_looked = True
            elif self._terms.is_unattended and snapshot.revision == 0:
                await self._complete()
            else:
                self._tell_pending(snapshot)
        except ActorError as error:
            if self._postponed != str(error):
                log.warning("setup_postponed", reason=str(error))
            self._postponed = str(error)
            self.context.health.degraded(f"the setup is tried again: {error}")
            return False
        self._postponed = ""
        self.context.health.up()
        return True

    async def _complete(self) -> None:
        """Complete the setup with a key that is on disk by then.

        Raises:
            ActorError: to be tried again, also when somebody else was quicker.
        """
        changeset = self._changeset()
        start = StartSetup(AUTHOR, TOKEN_SECONDS, remote_is_loopback=True)
        token = await self._config.ask(start, within=ASK_SECONDS)
        key, is_new = await self._key.ensure()
        request = CompleteSetup(token.clear, changeset, address=AUTHOR, key=str(key))
        try:
            done = await self._config.ask(request, within=ASK_SECONDS)
        except SetupRefused as error:
            if error.reason == "not-in-setup" and is_new:
                await self._key.discard(key)
            raise
        except ConfigInvalid as error:
            problems = "; ".join(f"{problem.pointer}: {problem.message}" for problem in error.problems)
            raise UsageError(f"{self._source()}: {problems}") from error
        except SecretsUnavailable as error:
            raise UsageError(f"{self._source()}: its secrets cannot be kept: {error}") from error
        self._has_looked = True
        await self._adopt(done.snapshot)
        log.info("setup_done_unattended", revision=done.snapshot.revision, source=self._source())

    def _changeset(self) -> Mapping[str, Any]:
        """Return what the setup puts into force. The local key never expires: nobody is there to renew it."""
        usual: dict[str, Any] = {"api_keys": [{"label": KEY_LABEL, "expires_in": None}]}
        bootstrap = self._terms.bootstrap
        if bootstrap is None:
            return usual
        if bootstrap.changeset is None:
            raise UsageError(bootstrap.problem)
        return {**usual, **bootstrap.changeset}

    async def _keep_key(self) -> None:
        """Make another local key when a start finds none: whoever owns the data directory owns the node."""
        if self._terms.bootstrap is not None:
            log.info("bootstrap_not_used", file=str(self._terms.bootstrap.path), reason="the node is set up")
        if not self._terms.is_auto or await self._key.exists():
            return
        key_id = generate_key().key_id
        order = IssueKey(f"{KEY_LABEL}, made again", ("admin",), expires_in=None, author=AUTHOR, key_id=key_id)
        self._unkept.add(key_id)
        try:
            issued = await self._config.ask(order, within=ASK_SECONDS)
        except ConfigInvalid as error:
            log.warning("admin_key_not_made", reason=str(error))
            return
        try:
            await self._key.keep(issued.clear)
        except DirectoryUnusable:
            await self._revoke(key_id)
            raise
        self._unkept.remove(key_id)
        log.warning("admin_key_made_again", key_id=key_id)

    async def _revoke_unkept(self, snapshot: ConfigSnapshot) -> None:
        """Revoke what was issued and never came to the disk, because the answer was not waited for: nobody has it."""
        for key in snapshot.keys:
            if key.key_id in self._unkept:
                await self._revoke(key.key_id)

    async def _revoke(self, key_id: str) -> None:
        await self._config.ask(RevokeKey(key_id, author=AUTHOR), within=ASK_SECONDS)
        self._unkept.remove(key_id)

    def _tell_pending(self, snapshot: ConfigSnapshot) -> None:
        bind = asked_bind(snapshot, self._terms.bind)
        if self._told == bind:
            return
        self._told = bind
        log.warning("setup_pending", how="run `revaer setup` on this machine", revision=snapshot.revision)
        if not is_loopback(bind):
            log.warning("setup_loopback_refused", address=bind, reason="a setup is listened for on loopback only")

    def _source(self) -> str:
        bootstrap = self._terms.bootstrap
        return "the setup by itself" if bootstrap is None else str(bootstrap.path)

    async def _read(self) -> ConfigSnapshot:
        return await self._config.ask(ReadConfiguration(), within=ASK_SECONDS)


def asked_bind(snapshot: ConfigSnapshot, bind: str | None) -> str:
    """Return where the API was asked to listen, by the command line or else the profile, whatever the setup allows."""
    return bind or snapshot.configuration.app_profile.bind_addr


def _is_active(snapshot: ConfigSnapshot) -> bool:
    return snapshot.configuration.app_profile.mode == "active"
