"""The wire shapes of the configuration: snapshots, keys, changes, history."""

from __future__ import annotations

from typing import Any

from revaer.api.views import rfc3339
from revaer.config.messages import Change, ConfigSnapshot, HistoryEntry, Impact, IssuedKey, KeyFacts


def snapshot_document(snapshot: ConfigSnapshot) -> dict[str, Any]:
    """Return everything in force: the documents, the keys and secrets that exist, and `effective`."""
    return {
        "revision": snapshot.revision,
        "changed_at": rfc3339(snapshot.changed_at),
        **snapshot.configuration.wire(),
        "api_keys": [key_document(key) for key in snapshot.keys],
        "secrets": {name: {"updated_at": rfc3339(facts.updated_at)} for name, facts in snapshot.secrets.items()},
        "effective": dict(snapshot.effective),
    }


def key_document(key: KeyFacts) -> dict[str, Any]:
    """Return what may be known of a key."""
    document: dict[str, Any] = {
        "id": key.key_id,
        "label": key.label,
        "scopes": list(key.scopes),
        "created_at": rfc3339(key.created_at),
    }
    for name in ("expires_at", "rotated_at", "grace_until"):
        moment = getattr(key, name)
        if moment is not None:
            document[name] = rfc3339(moment)
    if key.rate_limit is not None:
        document["rate_limit"] = {"burst": key.rate_limit.burst, "per_seconds": key.rate_limit.per_seconds}
    return document


def issued_document(issued: IssuedKey) -> dict[str, Any]:
    """Return a key that was just made, with its secret: the one time that it is shown."""
    return {**key_document(issued.facts), "api_key": issued.clear}


def change_document(change: Change) -> dict[str, Any]:
    """Return one difference."""
    return {"pointer": change.pointer, "before": change.before, "after": change.after}


def impact_document(impact: Impact, torrents: int | None) -> dict[str, Any]:
    """Return what a change reaches. `torrents` is how many it touches, None when it touches none at all."""
    document: dict[str, Any] = {
        "rebind": impact.rebind,
        "restart": list(impact.restart),
        "consumers": sorted(impact.consumers),
    }
    if torrents is not None:
        document["torrents"] = torrents
    return document


def revision_document(entry: HistoryEntry) -> dict[str, Any]:
    """Return one revision of the history."""
    document: dict[str, Any] = {
        "revision": entry.revision,
        "at": rfc3339(entry.at),
        "author": entry.author,
        "operation": entry.operation,
        "changes": [change_document(change) for change in entry.changes],
    }
    if entry.request_id is not None:
        document["request_id"] = entry.request_id
    return document
