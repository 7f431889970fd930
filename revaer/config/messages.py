"""What others may say to the config actor: read, change, validate, roll back; keys, setup, factory reset, secrets.

No representation of a message shows a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from actors import Request
from revaer.config.diff import Change
from revaer.config.documents import AppProfile, Configuration, EngineProfile, FsPolicy, LabelPolicies, LabelPolicy
from revaer.config.impact import NEXT_START, Impact
from revaer.config.problems import Problem
from revaer.config.refusals import (
    ConfigInvalid,
    ConfigRefusal,
    ConfigUnavailable,
    SecretsUnavailable,
    SetupReason,
    SetupRefused,
    StaleRevision,
    UnknownKey,
    UnknownRevision,
    UnknownSecret,
)
from revaer.security.messages import RateLimit

__all__ = [
    "GRACE_SECONDS",
    "KEY_SECONDS",
    "NEXT_START",
    "TOKEN_SECONDS",
    "AppProfile",
    "ApplyPatch",
    "Change",
    "CompleteSetup",
    "ConfigInvalid",
    "ConfigMessage",
    "ConfigRefusal",
    "ConfigSnapshot",
    "ConfigUnavailable",
    "Configuration",
    "EngineProfile",
    "FactoryReset",
    "FsPolicy",
    "HistoryEntry",
    "Impact",
    "IssueKey",
    "IssuedKey",
    "KeyFacts",
    "LabelPolicies",
    "LabelPolicy",
    "ListKeys",
    "Problem",
    "PutLabelPolicy",
    "RateLimit",
    "ReadConfiguration",
    "ReadHistory",
    "ReadSecret",
    "RevokeKey",
    "Rollback",
    "RotateEncryptionKey",
    "RotateKey",
    "RotatedEncryption",
    "SecretFacts",
    "SecretsUnavailable",
    "SetupDone",
    "SetupReason",
    "SetupRefused",
    "SetupToken",
    "StaleRevision",
    "StartSetup",
    "UnknownKey",
    "UnknownRevision",
    "UnknownSecret",
    "ValidatePatch",
    "Validation",
]

KEY_SECONDS: Final = 90 * 86_400.0
"""How long an API key lives unless said otherwise, seconds."""

GRACE_SECONDS: Final = 3_600.0
"""How long the old secret of a rotated key is accepted unless said otherwise, seconds."""

TOKEN_SECONDS: Final = 900.0
"""How long a setup token lives unless said otherwise, seconds."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What may be shown of an API key. Times are Unix seconds.

    Attributes:
        key_id: its public name.
        label: what it is for.
        scopes: what it reaches, sorted.
        created_at: when it was issued.
        expires_at: when it ends; None for never.
        rate_limit: how many calls it may make; None for any number.
        rotated_at: when it last got a new secret.
        grace_until: until when the secret before that is accepted too.
    """

    key_id: str
    label: str
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None = None
    rate_limit: RateLimit | None = None
    rotated_at: float | None = None
    grace_until: float | None = None


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """What may be shown of a secret: when it was last set, Unix seconds."""

    updated_at: float


@dataclass(frozen=True, slots=True)
class ConfigSnapshot:
    """Everything in force at one revision.

    Attributes:
        revision: grows with every change, for ever; 0 before the first.
        configuration: the documents.
        effective: the documents with defaults and derived values filled in, as JSON has them.
        keys: every API key that is not revoked, expired ones included, by id.
        secrets: every secret, by name.
        changed_at: when this revision was made, Unix seconds of the database's clock.
    """

    revision: int
    configuration: Configuration
    effective: Mapping[str, Any]
    keys: tuple[KeyFacts, ...]
    secrets: Mapping[str, SecretFacts]
    changed_at: float


@dataclass(frozen=True, slots=True)
class ReadConfiguration(Request[ConfigSnapshot]):
    """Return what is in force, from memory."""


@dataclass(frozen=True, slots=True)
class ApplyPatch(Request[ConfigSnapshot]):
    """Change documents and secrets by a merge patch (RFC 7396), as one revision; without a change there is none.

    Attributes:
        patch: by document; `secrets` maps names to new values, null removes.
        if_match: the revision that it is meant for; None for whatever is there.
        author: who asks, for the history: a key id, or `cli`.
        request_id: the request that caused it.
        on_node: whether it comes from the command line on the node, which may take locks away.

    Raises (at the asker): ConfigInvalid, StaleRevision, ConfigUnavailable, SecretsUnavailable.
    """

    patch: Mapping[str, object] = field(repr=False)
    if_match: int | None = None
    author: str = "unknown"
    request_id: str | None = None
    on_node: bool = False


@dataclass(frozen=True, slots=True)
class PutLabelPolicy(Request[ConfigSnapshot]):
    """Replace the policy of one label whole, or remove it with None. Raises: as `ApplyPatch`."""

    kind: Literal["category", "tag"]
    name: str
    policy: Mapping[str, object] | None
    if_match: int | None = None
    author: str = "unknown"
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """What a patch would do.

    Attributes:
        problems: what is wrong with it; nothing else is filled in then.
        changes: what would differ, masked.
        impact: what that reaches.
    """

    problems: tuple[Problem, ...] = ()
    changes: tuple[Change, ...] = ()
    impact: Impact = field(default_factory=Impact)


@dataclass(frozen=True, slots=True)
class ValidatePatch(Request[Validation]):
    """Try a patch on what is in force, without changing anything. Raises: ConfigUnavailable."""

    patch: Mapping[str, object] = field(repr=False)
    on_node: bool = False


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One revision: who made it when, and what differed, masked. `at` is in Unix seconds of the database's clock."""

    revision: int
    at: float
    author: str
    request_id: str | None
    operation: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ReadHistory(Request[tuple[HistoryEntry, ...]]):
    """Return revisions, the newest first: at most `limit` (1 to 1000), below `before`. Raises: ConfigUnavailable."""

    limit: int = 50
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Rollback(Request[ConfigSnapshot]):
    """Give the documents the contents of an earlier revision, as a new one. Mode, keys and secrets stay.

    Raises (at the asker): UnknownRevision, ConfigInvalid, StaleRevision, ConfigUnavailable.
    """

    to_revision: int
    if_match: int | None = None
    author: str = "unknown"
    request_id: str | None = None
    on_node: bool = False


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key that was just made. `clear` is `<key_id>:<secret>` and is not kept anywhere."""

    facts: KeyFacts
    clear: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssueKey(Request[IssuedKey]):
    """Make an API key.

    Attributes:
        label: what it is for, at most 128 characters.
        scopes: what it reaches, at least one.
        rate_limit: how many calls it may make; None for any number.
        expires_in: seconds until it ends, 60 to ten years; None for never. `key_id` is its name; None for a new one.

    Raises (at the asker): ConfigInvalid, ConfigUnavailable.
    """

    label: str
    scopes: tuple[str, ...]
    rate_limit: RateLimit | None = None
    expires_in: float | None = KEY_SECONDS
    author: str = "unknown"
    request_id: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class RotateKey(Request[IssuedKey]):
    """Give a key a new secret; the old one is accepted for `grace_seconds` more (0 to 86400), but never beyond its own
    end. The key then lives as long again as it did.

    Raises (at the asker): UnknownKey, ConfigInvalid, ConfigUnavailable.
    """

    key_id: str
    grace_seconds: float = GRACE_SECONDS
    author: str = "unknown"
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RevokeKey(Request[None]):
    """End a key now. Raises: UnknownKey, ConfigUnavailable."""

    key_id: str
    author: str = "unknown"
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ListKeys(Request[tuple[KeyFacts, ...]]):
    """Return every key that is not revoked, from memory."""


@dataclass(frozen=True, slots=True)
class SetupToken:
    """A token that was just made. `clear` is not kept; `expires_at` is in Unix seconds of the database's clock."""

    clear: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True)
class StartSetup(Request[SetupToken]):
    """Make the one setup token; an earlier one no longer counts.

    Attributes:
        issued_by: who asks, for the log.
        ttl_seconds: how long it lives, 60 to 86400.
        remote_is_loopback: whether the asker is on this host; others are refused.

    Raises (at the asker): SetupRefused, ConfigInvalid, ConfigUnavailable.
    """

    issued_by: str = "unknown"
    ttl_seconds: float = TOKEN_SECONDS
    remote_is_loopback: bool = False


@dataclass(frozen=True, slots=True)
class SetupDone:
    """A completed setup: what is in force, and the admin key."""

    snapshot: ConfigSnapshot
    key: IssuedKey


@dataclass(frozen=True, slots=True)
class CompleteSetup(Request[SetupDone]):
    """Complete the setup with a token: documents, secrets, an admin key and the mode `active` in one transaction.

    A changeset that is refused leaves the token valid.

    Attributes:
        token: the token in clear.
        changeset: a merge patch over the defaults; `secrets` as in `ApplyPatch`; `api_keys` may describe the admin key:
            a list of one object with `label`, `rate_limit` {burst, per_seconds} and `expires_in` (seconds, null for
            never), each of which may be absent.
        request_id: the request that caused it.
        address: where the attempt comes from; failures are throttled per address.
        key: `<key_id>:<secret>` that shall become the admin key, for callers on the node that must have it on disk
            before it counts; None makes one.

    Raises (at the asker): SetupRefused, ConfigInvalid, ConfigUnavailable, SecretsUnavailable.
    """

    token: str = field(repr=False)
    changeset: Mapping[str, object] = field(repr=False)
    request_id: str | None = None
    address: str = "local"
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FactoryReset(Request[ConfigSnapshot]):
    """Back to the defaults and the mode `setup`: keys, secrets and the setup token are gone, the history stays.

    Raises (at the asker): ConfigUnavailable.
    """

    author: str = "unknown"
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RotatedEncryption:
    """What a rotation did: how many secrets the new key seals."""

    secrets: int


@dataclass(frozen=True, slots=True)
class RotateEncryptionKey(Request[RotatedEncryption]):
    """Seal all secrets with a new key. For the command line on the node only.

    Raises (at the asker): SecretsUnavailable (the key file cannot be written, or a secret cannot be read),
        ConfigUnavailable (the rotation is finished later by itself).
    """

    author: str = "cli"
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReadSecret(Request[str]):
    """Return a secret in clear, for use inside the daemon only. Raises: UnknownSecret, SecretsUnavailable."""

    name: str


DocumentMessage: TypeAlias = ApplyPatch | PutLabelPolicy | ValidatePatch | ReadHistory | Rollback | FactoryReset
KeyMessage: TypeAlias = IssueKey | RotateKey | RevokeKey
SetupMessage: TypeAlias = StartSetup | CompleteSetup
ConfigMessage: TypeAlias = (
    ReadConfiguration | ListKeys | ReadSecret | DocumentMessage | KeyMessage | SetupMessage | RotateEncryptionKey
)
