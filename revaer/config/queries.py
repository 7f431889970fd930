"""The statements of this slice, each from its own file in `sql/`."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

CHANNEL: Final = "revaer_settings_changed"
"""Where every change is notified as `<document>:<revision>:<operation>`."""


def _load(name: str) -> str:
    return files("revaer.config").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


READ_REVISION: Final = _load("read_revision")
LOCK_REVISION: Final = _load("lock_revision")
READ_STATE: Final = _load("read_state")
PUT_DOCUMENTS: Final = _load("put_documents")
RECORD_CHANGE: Final = _load("record_change")
FIND_CHANGE: Final = _load("find_change")
READ_HISTORY: Final = _load("read_history")
DOCUMENTS_AT: Final = _load("documents_at")
INSERT_KEY: Final = _load("insert_key")
RESTORE_KEYS: Final = _load("restore_keys")
ROTATE_KEY: Final = _load("rotate_key")
REVOKE_KEY: Final = _load("revoke_key")
PUT_SECRETS: Final = _load("put_secrets")
RESEAL_SECRETS: Final = _load("reseal_secrets")
DROP_SECRETS: Final = _load("drop_secrets")
READ_TOKEN: Final = _load("read_token")
PUT_TOKEN: Final = _load("put_token")
USE_TOKEN: Final = _load("use_token")
FORGET_EVERYTHING: Final = _load("forget_everything")
NOTIFY: Final = "SELECT pg_notify($1, $2)"
