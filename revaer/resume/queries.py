"""The statements of this slice, each from its own file in `sql/`, and the arguments they take."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from revaer.resume.documents import encode_removing
from revaer.resume.messages import Intent
from revaer.types import NODE


def _load(name: str) -> str:
    return files("revaer.resume").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


INSERT_INTENTS: Final = _load("insert_intents")
UPDATE_INTENTS: Final = _load("update_intents")
DELETE_INTENTS: Final = _load("delete_intents")
IDS_OF_INTENTS: Final = _load("ids_of_intents")
INTENTS_BY_ID: Final = _load("intents_by_id")
TRANSACTION_STATUS: Final = _load("transaction_status")
UNDO_INSERTS: Final = _load("undo_inserts")
UNDO_UPDATES: Final = _load("undo_updates")


def columns(intents: Sequence[Intent], options: Sequence[str]) -> tuple[object, ...]:
    """Return the arguments of `INSERT_INTENTS` and `UPDATE_INTENTS`: the node, then one array per column.

    Args:
        intents: What to write.
        options: The options document of each.
    """
    return (
        NODE,
        [intent.torrent_id for intent in intents],
        [intent.hashes.v1 for intent in intents],
        [intent.hashes.v2 for intent in intents],
        [intent.magnet for intent in intents],
        [intent.metainfo for intent in intents],
        options,
        [intent.added_at for intent in intents],
        [intent.completed_at for intent in intents],
        [encode_removing(intent.removing) for intent in intents],
    )
