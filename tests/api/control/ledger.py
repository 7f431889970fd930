"""A configuration in memory, and the actor that answers from it as the config actor promises to."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import trio

from actors import Actor, Bus, Handled, answer, later
from revaer.api.certificates import certificate_problem
from revaer.config import messages as config
from revaer.config.diff import Change, diff, diff_secrets
from revaer.config.documents import Configuration
from revaer.config.effective import effective
from revaer.config.impact import impact
from revaer.config.messages import ConfigMessage, ConfigSnapshot, HistoryEntry, KeyFacts, SecretFacts
from revaer.config.problems import ConfigError, Problem
from revaer.config.surroundings import Defaults, Surroundings
from revaer.config.validate import apply_patch, secret_changes, with_mode
from revaer.events import Event, SettingsChanged
from revaer.security.authenticate import Authenticator
from revaer.security.keys import ApiKey, RateLimit, StoredKey, generate_key, hash_secret, verify_secret
from revaer.security.setup_token import generate_token

Certificate: TypeAlias = Callable[[str, str], tuple[str, str] | None]
"""Tries a certificate and its key."""


class Clock:
    """Unix seconds that a test may push."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Ledger:
    """What is in force; it outlives restarts of the actor in front of it.

    Attributes:
        requests: every message that came.
        refuse: raised instead of answering the next change.
        hold: when set, changes wait for it.
        silent: whether nobody is told of changes.
    """

    def __init__(self, bus: Bus[Event], authenticator: Authenticator, clock: Clock, defaults: Defaults) -> None:
        self.bus = bus
        self.clock = clock
        self.defaults = defaults
        self.revision = 1
        self.configuration = with_mode(Configuration(), "active")
        self.keys: dict[str, StoredKey] = {}
        self.labels: dict[str, KeyFacts] = {}
        self.secrets: dict[str, str] = {}
        self.history: list[tuple[HistoryEntry, Configuration]] = []
        self.token: str | None = None
        self.used_token: str | None = None
        self.token_ends = 0.0
        self.requests: list[ConfigMessage] = []
        self.refuse: list[Exception] = []
        self.hold: trio.Event | None = None
        self.silent = False
        self._authenticator = authenticator

    @property
    def snapshot(self) -> ConfigSnapshot:
        """What others see."""
        return ConfigSnapshot(
            revision=self.revision,
            configuration=self.configuration,
            effective=effective(self.configuration, self.defaults),
            keys=tuple(self.labels.values()),
            secrets={name: SecretFacts(1.0) for name in self.secrets},
            changed_at=1_700_000_000.0,
        )

    @property
    def changes(self) -> list[ConfigMessage]:
        """The messages that came, readings left out."""
        return [message for message in self.requests if not isinstance(message, config.ReadConfiguration)]

    @property
    def seen(self) -> Any:
        """The last message that came, readings left out."""
        return self.changes[-1]

    def enter_key(
        self,
        key: ApiKey,
        *scopes: str,
        secret_hash: str = "",
        rate_limit: RateLimit | None = None,
        expires_at: float | None = None,
        label: str = "",
    ) -> None:
        """Let a key in."""
        digest = secret_hash or hash_secret(key.secret)
        held = frozenset(scopes)
        self.keys[key.key_id] = StoredKey(key.key_id, digest, held, expires_at, rate_limit)
        self.labels[key.key_id] = KeyFacts(
            key.key_id, label, tuple(sorted(scopes)), 1_700_000_000.0, expires_at, rate_limit
        )
        self.tell_keys()

    def tell_keys(self) -> None:
        """Give the keys to who proves them."""
        self._authenticator.replace(self.keys.values())

    def put(self, patch: Mapping[str, Any], **terms: Any) -> ConfigSnapshot:
        """Change documents, as an elsewhere made patch does."""
        return self.change(config.ApplyPatch(patch, **terms), certificate=None)

    def change(
        self, message: config.ApplyPatch, *, certificate: Certificate | None = certificate_problem
    ) -> ConfigSnapshot:
        """Apply a patch."""
        if message.if_match is not None and message.if_match != self.revision:
            raise config.StaleRevision(message.if_match, self.revision)
        after = self._after(message.patch, on_node=message.on_node, certificate=certificate)
        changes = diff(self.configuration, after)
        wanted = secret_changes(message.patch)
        changes += diff_secrets(self.secrets, wanted)
        for name, value in wanted.items():
            self.secrets.pop(name, None)
            if value is not None:
                self.secrets[name] = value
        return self.commit(after, "patch", changes, message.author, message.request_id)

    def commit(
        self,
        after: Configuration,
        operation: str,
        changes: tuple[Change, ...],
        author: str = "test",
        request_id: str | None = None,
    ) -> ConfigSnapshot:
        """Make a revision, and tell of it."""
        self.configuration = after
        self.revision += 1
        entry = HistoryEntry(self.revision, 1_700_000_000.0, author, request_id, operation, changes)
        self.history.insert(0, (entry, after))
        if not self.silent:
            pointers = tuple(change.pointer for change in changes)
            self.bus.publish(SettingsChanged(self.revision, pointers, author), request_id=request_id)
        return self.snapshot

    def try_out(self, message: config.ValidatePatch) -> config.Validation:
        """Tell what a patch would do."""
        try:
            after = self._after(message.patch, on_node=message.on_node)
        except config.ConfigInvalid as error:
            return config.Validation(problems=error.problems)
        changes = diff(self.configuration, after) + diff_secrets(self.secrets, secret_changes(message.patch))
        return config.Validation(changes=changes, impact=impact(changes))

    def _after(
        self, patch: Mapping[str, Any], *, on_node: bool, certificate: Certificate | None = certificate_problem
    ) -> Configuration:
        surroundings = Surroundings(secrets=self.secrets, defaults=self.defaults, certificate=certificate)
        try:
            return apply_patch(self.configuration, patch, on_node=on_node, surroundings=surroundings)
        except ConfigError as error:
            raise config.ConfigInvalid(error.problems) from None


class FakeConfig(Actor[ConfigMessage]):
    """Answers from a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def handle(self, message: ConfigMessage) -> Handled:
        """Answer one message."""
        ledger = self.ledger
        ledger.requests.append(message)
        if isinstance(message, config.ReadConfiguration):
            return answer(message, ledger.snapshot)
        if isinstance(message, config.ListKeys):
            return answer(message, tuple(ledger.labels.values()))
        if ledger.refuse:
            raise ledger.refuse.pop(0)
        if ledger.hold is not None:
            hold = ledger.hold

            async def wait() -> Any:
                await hold.wait()
                return self._reply(message)

            return later(message, wait)
        return answer(message, self._reply(message))

    def _reply(self, message: Any) -> Any:
        replies: dict[type, Callable[[Any], Any]] = {
            config.ApplyPatch: self.ledger.change,
            config.ValidatePatch: self.ledger.try_out,
            config.PutLabelPolicy: self._put_label,
            config.ReadHistory: self._history,
            config.Rollback: self._roll_back,
            config.IssueKey: self._issue,
            config.RotateKey: self._rotate,
            config.RevokeKey: self._revoke,
            config.StartSetup: self._start_setup,
            config.CompleteSetup: self._complete_setup,
            config.FactoryReset: self._reset,
            config.RotateEncryptionKey: lambda _: config.RotatedEncryption(len(self.ledger.secrets)),
        }
        return replies[type(message)](message)

    def _put_label(self, message: config.PutLabelPolicy) -> ConfigSnapshot:
        labels = "categories" if message.kind == "category" else "tags"
        known = self.ledger.configuration.label_policies.given().get(labels, {}).get(message.name, {})
        policy: Any = message.policy
        if policy is not None:
            policy = {**dict.fromkeys(known), **policy}
        patch = {"label_policies": {labels: {message.name: policy}}}
        return self.ledger.change(config.ApplyPatch(patch, message.if_match, message.author, message.request_id))

    def _history(self, message: config.ReadHistory) -> tuple[HistoryEntry, ...]:
        entries = [entry for entry, _ in self.ledger.history]
        return tuple(one for one in entries if message.before is None or one.revision < message.before)[: message.limit]

    def _roll_back(self, message: config.Rollback) -> ConfigSnapshot:
        if message.if_match is not None and message.if_match != self.ledger.revision:
            raise config.StaleRevision(message.if_match, self.ledger.revision)
        for entry, configuration in self.ledger.history:
            if entry.revision == message.to_revision:
                changes = diff(self.ledger.configuration, configuration)
                return self.ledger.commit(configuration, "rollback", changes, message.author, message.request_id)
        raise config.UnknownRevision(message.to_revision)

    def _issue(self, message: config.IssueKey) -> config.IssuedKey:
        key = generate_key() if message.key_id is None else ApiKey(message.key_id, generate_key().secret)
        ends = None if message.expires_in is None else 1_700_000_000.0 + message.expires_in + 1e9
        self.ledger.enter_key(key, *message.scopes, rate_limit=message.rate_limit, expires_at=ends, label=message.label)
        self.ledger.commit(self.ledger.configuration, "issue_key", (), message.author, message.request_id)
        return config.IssuedKey(self.ledger.labels[key.key_id], str(key))

    def _rotate(self, message: config.RotateKey) -> config.IssuedKey:
        stored = self._known(message.key_id)
        key = ApiKey(message.key_id, generate_key().secret)
        ends = self.ledger.clock() + message.grace_seconds
        self.ledger.keys[key.key_id] = replace(
            stored, secret_hash=hash_secret(key.secret), previous_hash=stored.secret_hash, grace_until=ends
        )
        facts = replace(self.ledger.labels[key.key_id], rotated_at=self.ledger.clock(), grace_until=ends)
        self.ledger.labels[key.key_id] = facts
        self.ledger.tell_keys()
        self.ledger.commit(self.ledger.configuration, "rotate_key", (), message.author, message.request_id)
        return config.IssuedKey(facts, str(key))

    def _revoke(self, message: config.RevokeKey) -> None:
        self._known(message.key_id)
        del self.ledger.keys[message.key_id], self.ledger.labels[message.key_id]
        self.ledger.tell_keys()
        self.ledger.commit(self.ledger.configuration, "revoke_key", (), message.author, message.request_id)

    def _known(self, key_id: str) -> StoredKey:
        if key_id not in self.ledger.keys:
            raise config.UnknownKey(key_id)
        return self.ledger.keys[key_id]

    def _start_setup(self, message: config.StartSetup) -> config.SetupToken:
        if not message.remote_is_loopback:
            raise config.SetupRefused("not-loopback", "on the node itself only")
        if self.ledger.configuration.app_profile.mode == "active":
            raise config.SetupRefused("not-in-setup", "the setup has been completed already")
        self.ledger.token = generate_token()
        self.ledger.token_ends = self.ledger.clock() + message.ttl_seconds
        return config.SetupToken(self.ledger.token, self.ledger.token_ends)

    def _complete_setup(self, message: config.CompleteSetup) -> config.SetupDone:
        ledger = self.ledger
        if message.token == ledger.used_token:
            raise config.SetupRefused("used", "the setup token was used already")
        if ledger.configuration.app_profile.mode == "active":
            raise config.SetupRefused("not-in-setup", "the setup has been completed already")
        if message.token != ledger.token:
            raise config.SetupRefused("wrong", "the setup token is not valid")
        if ledger.clock() >= ledger.token_ends:
            raise config.SetupRefused("expired", "the setup token has expired; start the setup again")
        patch = {name: value for name, value in message.changeset.items() if name != "api_keys"}
        if "api_keys" in message.changeset and not isinstance(message.changeset["api_keys"], list):
            raise config.ConfigInvalid((Problem("/api_keys", "must be a list of one object: the admin key"),))
        try:
            after = with_mode(apply_patch(ledger.configuration, copy.deepcopy(patch)), "active")
        except ConfigError as error:
            raise config.ConfigInvalid(error.problems) from None
        ledger.used_token, ledger.token = ledger.token, None
        key = generate_key()
        ledger.enter_key(key, "admin", expires_at=ledger.clock() + 7_776_000.0)
        snapshot = ledger.commit(after, "complete_setup", (), "setup", message.request_id)
        return config.SetupDone(snapshot, config.IssuedKey(ledger.labels[key.key_id], str(key)))

    def _reset(self, message: config.FactoryReset) -> ConfigSnapshot:
        ledger = self.ledger
        ledger.keys.clear()
        ledger.labels.clear()
        ledger.secrets.clear()
        ledger.tell_keys()
        return ledger.commit(Configuration(), "factory_reset", (), message.author, message.request_id)


def fits(secret_hash: str, key: str) -> bool:
    """Tell whether a key in clear belongs to a hash."""
    return verify_secret(secret_hash, ApiKey.parse(key).secret)
