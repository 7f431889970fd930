"""A configuration that is played: it keeps the promises of the config actor, and fails when a test wants it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from actors import Actor, Bus, Handled, answer
from revaer.config import messages as config
from revaer.config.documents import Configuration
from revaer.config.effective import effective
from revaer.config.messages import ConfigMessage, ConfigSnapshot, HistoryEntry, IssuedKey, KeyFacts
from revaer.config.surroundings import Defaults
from revaer.config.validate import apply_patch, with_mode
from revaer.events import Event, SettingsChanged

TOKEN = "T" * 32


class Played:
    """What is in force; it outlives restarts of the actor in front of it.

    Attributes:
        requests: every message that came, readings left out.
        faults: raised instead of answering, by the type of the message, first in first out.
        on_request: called with every message before it is answered.
        secrets: by name, in clear.
        history: operations, the newest first.
    """

    def __init__(self, bus: Bus[Event], defaults: Defaults) -> None:
        self.bus = bus
        self.defaults = defaults
        self.revision = 0
        self.configuration = Configuration()
        self.keys: dict[str, KeyFacts] = {}
        self.clear: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.history: list[str] = []
        self.requests: list[ConfigMessage] = []
        self.faults: dict[type, list[Exception]] = {}
        self._snapshot: ConfigSnapshot | None = None
        self.on_request: Callable[[ConfigMessage], None] = lambda _: None

    @property
    def mode(self) -> str:
        """Whether it waits for its setup."""
        return self.configuration.app_profile.mode

    @property
    def snapshot(self) -> ConfigSnapshot:
        """What others see; the same object until it is another."""
        made = ConfigSnapshot(
            revision=self.revision,
            configuration=self.configuration,
            effective=effective(self.configuration, self.defaults),
            keys=tuple(self.keys.values()),
            secrets={},
            changed_at=1.0,
        )
        self._snapshot = made if made != self._snapshot else self._snapshot
        return self._snapshot

    def asked(self, kind: type) -> list[Any]:
        """The messages of one type so far."""
        return [message for message in self.requests if isinstance(message, kind)]

    def put(self, patch: Mapping[str, Any], operation: str = "patch") -> ConfigSnapshot:
        """Change documents."""
        return self.commit(apply_patch(self.configuration, patch), operation)

    def activate(self) -> None:
        """Be set up, by somebody else."""
        self.commit(with_mode(self.configuration, "active"), "complete_setup")

    def reset(self) -> None:
        """Go back to the setup."""
        self.keys.clear()
        self.commit(Configuration(), "factory_reset")

    def commit(self, configuration: Configuration, operation: str) -> ConfigSnapshot:
        """Make a revision and tell of it."""
        self.configuration = configuration
        self.revision += 1
        self.history.insert(0, operation)
        self.bus.publish(SettingsChanged(self.revision, ("",), "test"))
        return self.snapshot


class PlayedConfig(Actor[ConfigMessage]):
    """Answers from what is played."""

    def __init__(self, played: Played) -> None:
        self._played = played

    async def handle(self, message: ConfigMessage) -> Handled:
        """Answer one message."""
        played = self._played
        played.on_request(message)
        waiting = played.faults.get(type(message))
        if waiting:
            raise waiting.pop(0)
        match message:
            case config.ReadConfiguration():
                return answer(message, played.snapshot)
            case config.ReadSecret(name):
                if name not in played.secrets:
                    raise config.UnknownSecret(name)
                return answer(message, played.secrets[name])
        played.requests.append(message)
        match message:
            case config.ReadHistory():
                return answer(message, self._history())
            case config.StartSetup():
                self._check_waiting()
                return answer(message, config.SetupToken(TOKEN, 2.0))
            case config.CompleteSetup():
                return answer(message, self._complete(message))
            case config.IssueKey():
                key = self._enter(f"{message.key_id}:0123456789", message.label, message.expires_in)
                return answer(message, key)
            case config.RevokeKey(key_id):
                del played.keys[key_id]
                return answer(message, None)
        raise AssertionError(f"nobody should say {message} here")

    def _history(self) -> tuple[HistoryEntry, ...]:
        newest = self._played.history[:1]
        return tuple(HistoryEntry(self._played.revision, 1.0, "test", None, operation, ()) for operation in newest)

    def _complete(self, message: config.CompleteSetup) -> config.SetupDone:
        self._check_waiting()
        assert message.token == TOKEN
        assert message.key is not None
        order = message.changeset.get("api_keys", [{}])[0]  # type: ignore[index]  # checked by the real one
        documents = {name: value for name, value in message.changeset.items() if name != "api_keys"}
        key = self._enter(message.key, order["label"], order["expires_in"])
        after = with_mode(apply_patch(self._played.configuration, documents), "active")
        return config.SetupDone(self._played.commit(after, "complete_setup"), key)

    def _check_waiting(self) -> None:
        if self._played.mode == "active":
            raise config.SetupRefused("not-in-setup", "the setup has been completed already")

    def _enter(self, clear: str, label: str, expires_in: float | None) -> IssuedKey:
        key_id = clear.partition(":")[0]
        facts = KeyFacts(key_id, label, ("admin",), 1.0, None if expires_in is None else 1.0 + expires_in)
        self._played.keys[key_id] = facts
        self._played.clear[key_id] = clear
        return IssuedKey(facts, clear)


def key_facts(key_id: str, **fields: Any) -> KeyFacts:
    """A key."""
    return KeyFacts(key_id, "", ("admin",), 1.0, **fields)
