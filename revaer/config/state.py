"""What is in force, as it is stored: in the database, and in the node's own copy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from revaer.config.messages import KeyFacts, SecretFacts
from revaer.database.messages import Row
from revaer.security.messages import RateLimit, Scope, StoredKey


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key that is not revoked.

    Attributes:
        facts: what may be shown of it.
        secret_hash: Argon2id hash of its secret.
        previous_hash: hash of the secret before the last rotation.
    """

    facts: KeyFacts
    secret_hash: str = field(repr=False)
    previous_hash: str | None = field(default=None, repr=False)

    def stored(self) -> StoredKey | None:
        """Return the key as callers are held against it; None when this daemon knows none of its scopes."""
        scopes = frozenset(self.facts.scopes) & set(Scope)
        if not scopes:
            return None
        return StoredKey(
            key_id=self.facts.key_id,
            secret_hash=self.secret_hash,
            scopes=frozenset(str(scope) for scope in scopes),
            expires_at=self.facts.expires_at,
            rate_limit=self.facts.rate_limit,
            previous_hash=self.previous_hash,
            grace_until=self.facts.grace_until,
        )


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """A secret, encrypted."""

    envelope: bytes = field(repr=False)
    facts: SecretFacts


@dataclass(frozen=True, slots=True)
class State:
    """Everything in force at one revision.

    Attributes:
        revision: the revision; 0 before the first.
        changed_at: when it was made, Unix seconds of the database's clock.
        documents: the documents by name as they are stored, with what this daemon does not know.
        keys: every API key that is not revoked.
        secrets: every secret by name.
        author: who made the revision.
        request_id: the request that caused it.
        age: seconds from the change to the reading, by the database's clock.
        seen_at: when it was read, monotonic seconds.
    """

    revision: int = 0
    changed_at: float = 0.0
    documents: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[KeyRecord, ...] = ()
    secrets: Mapping[str, SecretRecord] = field(default_factory=dict)
    author: str | None = None
    request_id: str | None = None
    age: float = 0.0
    seen_at: float = 0.0

    def holds_what(self, other: State) -> bool:
        """Tell whether another state has the same contents, whatever its age."""
        return (
            self.revision == other.revision
            and self.documents == other.documents
            and self.keys == other.keys
            and self.secrets == other.secrets
        )


def state_of_row(row: Row, *, seen_at: float) -> State:
    """Read the row of `read_state.sql`, that came at `seen_at`."""
    return State(
        revision=row["revision"],
        changed_at=row["changed_at"],
        documents=json.loads(row["documents"]),
        keys=tuple(_key(entry) for entry in json.loads(row["keys"])),
        secrets={name: _secret(entry) for name, entry in json.loads(row["secrets"]).items()},
        author=row["author"],
        request_id=row["request_id"],
        age=row["age"],
        seen_at=seen_at,
    )


def state_to_json(state: State) -> dict[str, Any]:
    """Write a state as JSON: key hashes and encrypted secrets, nothing in clear."""
    return {
        "revision": state.revision,
        "changed_at": state.changed_at,
        "documents": state.documents,
        "keys": keys_to_json(state.keys),
        "secrets": {
            name: {"envelope": record.envelope.hex(), "updated_at": record.facts.updated_at}
            for name, record in state.secrets.items()
        },
    }


def keys_to_json(keys: Iterable[KeyRecord]) -> list[dict[str, Any]]:
    """Write keys as JSON: their hashes, never their secrets."""
    return [_key_to_json(key) for key in keys]


def state_of_json(value: Any) -> State:
    """Read what `state_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is something else.
    """
    documents = {str(name): dict(body) for name, body in value["documents"].items()}
    return State(
        revision=int(value["revision"]),
        changed_at=float(value["changed_at"]),
        documents=documents,
        keys=tuple(_key(entry) for entry in value["keys"]),
        secrets={str(name): _secret(entry) for name, entry in value["secrets"].items()},
    )


def _key(entry: Mapping[str, Any]) -> KeyRecord:
    burst = entry["burst"]
    facts = KeyFacts(
        key_id=entry["key_id"],
        label=entry["label"],
        scopes=tuple(sorted(entry["scopes"])),
        created_at=entry["created_at"],
        expires_at=entry["expires_at"],
        rate_limit=None if burst is None else RateLimit(burst, float(entry["per_seconds"])),
        rotated_at=entry["rotated_at"],
        grace_until=entry["grace_until"],
    )
    return KeyRecord(facts, entry["secret_hash"], entry["previous_hash"])


def _key_to_json(key: KeyRecord) -> dict[str, Any]:
    facts, limit = key.facts, key.facts.rate_limit
    return {
        "key_id": facts.key_id,
        "label": facts.label,
        "scopes": list(facts.scopes),
        "secret_hash": key.secret_hash,
        "created_at": facts.created_at,
        "expires_at": facts.expires_at,
        "burst": None if limit is None else limit.burst,
        "per_seconds": None if limit is None else limit.per_seconds,
        "rotated_at": facts.rotated_at,
        "previous_hash": key.previous_hash,
        "grace_until": facts.grace_until,
    }


def _secret(entry: Mapping[str, Any]) -> SecretRecord:
    return SecretRecord(bytes.fromhex(entry["envelope"]), SecretFacts(float(entry["updated_at"])))
