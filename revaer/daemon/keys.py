"""The admin key of a node: made at the first start, kept in the credentials file and, hashed, in the database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from revaer.daemon.credentials import Credentials, read_credentials, write_credentials
from revaer.database.messages import Database, DatabaseError
from revaer.security.keys import ApiKey, StoredKey, generate_key, hash_secret

log = structlog.get_logger("revaer.daemon")

INSERT_KEY = """
INSERT INTO api_keys (key_id, label, scopes, secret_hash, created_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (key_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class AdminKey:
    """The key in clear, for the credentials file, and as it is stored."""

    clear: ApiKey
    stored: StoredKey


async def ensure_admin_key(path: Path, *, url: str) -> AdminKey:
    """Take the admin key from the credentials file, or make one and write the file.

    Raises:
        DirectoryUnusable: the file is damaged, readable by others, or cannot be written.
    """
    found = await trio.to_thread.run_sync(read_credentials, path)
    clear = ApiKey.parse(found.api_key) if found else generate_key()
    if found is None:
        fresh = Credentials(api_url=url, api_key=str(clear))
        await trio.to_thread.run_sync(write_credentials, path, fresh)
        log.info("admin_key_made", key_id=clear.key_id, credentials=str(path))
    digest = await trio.to_thread.run_sync(hash_secret, clear.secret)
    return AdminKey(clear, StoredKey(key_id=clear.key_id, secret_hash=digest, scopes=frozenset({"admin"})))


async def register(key: AdminKey, database: Database) -> None:
    """Keep the key's hash in the database, as soon as there is one; an outage only delays it."""
    while True:
        await database.wait_available()
        try:
            stored = key.stored
            await database.execute(INSERT_KEY, stored.key_id, "admin of this node", ["admin"], stored.secret_hash)
        except DatabaseError as error:
            log.warning("admin_key_not_registered", reason=str(error))
            await trio.sleep(1.0)
        else:
            return
