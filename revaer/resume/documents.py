"""Intents as documents: the same form in the database and in the copies beside the records.

Options are one JSON object. It also holds what has no column of its own: `info_hash`, `moving_to`, `library_path` and
`processing`. Keys that only a newer daemon knows are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from revaer.database.messages import Row
from revaer.resume.errors import UnreadableDocument, UnwritableIntent
from revaer.resume.messages import Intent, Processing, Removing
from revaer.types import InfoHash, TorrentId, TorrentOptions

_OPTIONS: Final = TypeAdapter(TorrentOptions)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the options document holds beside the options."""

    info_hash: str | None = None
    moving_to: str | None = None
    library_path: str | None = None
    processing: Processing | None = None


_BESIDE: Final = TypeAdapter(_Beside)
_RARE: Final = ("moving_to", "library_path", "processing")
_NAMES_BESIDE: Final = frozenset({"info_hash", *_RARE})
_REMOVING: Final = TypeAdapter(Removing)


@dataclass(frozen=True, slots=True)
class Stored:
    """An intent as it is stored; `revision` counts its changes."""

    intent: Intent
    revision: int


def encode_options(intent: Intent) -> bytes:
    """Return the options document of an intent.

    Raises:
        UnwritableIntent: It holds text that is no text (half of a surrogate pair).
    """
    document = _OPTIONS.dump_python(intent.options, mode="json")
    beside = _Beside(intent.info_hash, intent.moving_to, intent.library_path, intent.processing)
    document |= _BESIDE.dump_python(beside, mode="json")
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise UnwritableIntent(f"the options cannot be written down: {error}") from error


def encode_removing(removing: Removing | None) -> str | None:
    """Return the document of an accepted removal, None when there is none."""
    return None if removing is None else _REMOVING.dump_json(removing).decode()


def read_row(row: Row) -> Stored:
    """Read an intent from a row of `INTENTS_BY_ID`.

    Raises:
        UnreadableDocument: The row does not hold an intent that this daemon understands.
    """
    try:
        options, removing = orjson.loads(row["options"]), row["removing"]
        fields = {name: row[name] for name in _PLAIN}
        return _stored(fields, options, None if removing is None else orjson.loads(removing), row["metainfo"])
    except (ValidationError, ValueError, TypeError) as error:
        raise UnreadableDocument(_explain(error)) from error


_PLAIN: Final = ("id", "info_hash_v1", "info_hash_v2", "magnet", "added_at", "completed_at", "revision")


def write_document(stored: Stored) -> dict[str, Any]:
    """Return an intent without its metainfo as a JSON object, for a copy."""
    intent = stored.intent
    return {
        "id": intent.torrent_id,
        "info_hash_v1": intent.hashes.v1,
        "info_hash_v2": intent.hashes.v2,
        "magnet": intent.magnet,
        "added_at": intent.added_at,
        "completed_at": intent.completed_at,
        "revision": stored.revision,
        "options": orjson.Fragment(encode_options(intent)),
        "removing": None if intent.removing is None else {"delete_data": intent.removing.delete_data},
    }


def read_document(document: Mapping[str, Any], metainfo: bytes | None) -> Stored:
    """Read what `write_document` wrote.

    Raises:
        UnreadableDocument: The object is not an intent that this daemon understands.
    """
    try:
        return _stored(document, document["options"], document["removing"], metainfo)
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        raise UnreadableDocument(_explain(error)) from error


def _stored(fields: Mapping[str, Any], options: Any, removing: Any, metainfo: bytes | None) -> Stored:
    hashes = InfoHash(fields["info_hash_v1"], fields["info_hash_v2"])
    beside = _beside(options)
    intent = Intent(
        torrent_id=TorrentId(fields["id"]),
        hashes=hashes,
        info_hash=beside.info_hash or hashes.primary,
        options=_options(options),
        added_at=float(fields["added_at"]),
        magnet=fields["magnet"],
        metainfo=metainfo,
        completed_at=fields["completed_at"],
        removing=None if removing is None else _REMOVING.validate_python(removing),
        moving_to=beside.moving_to,
        library_path=beside.library_path,
        processing=beside.processing,
    )
    return Stored(intent, int(fields["revision"]))


def _beside(document: Any) -> _Beside:
    """Read what is beside the options; the usual case, nothing but the info-hash, needs no model."""
    if isinstance(document, dict) and not any(document.get(name) is not None for name in _RARE):
        info_hash = document.get("info_hash")
        if info_hash is None or isinstance(info_hash, str):
            return _Beside(info_hash)
    return _BESIDE.validate_python(document)


def _options(document: Any) -> TorrentOptions:
    """Read the options. Thousands of torrents have the same few, and share them."""
    if not isinstance(document, dict):
        return _OPTIONS.validate_python(document)
    return _shared(orjson.dumps({name: value for name, value in document.items() if name not in _NAMES_BESIDE}))


@lru_cache(maxsize=256)
def _shared(document: bytes) -> TorrentOptions:
    return _OPTIONS.validate_python(orjson.loads(document))


def _explain(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    first = error.errors(include_url=False)[0]
    place = "/".join(str(part) for part in first["loc"]) or "options"
    return f"{place}: {first['msg']}"
