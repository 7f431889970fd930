"""The admin key of the node itself: on disk before it counts, so that no crash locks the node's owner out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
import trio

from revaer.daemon.credentials import Credentials, read_credentials, write_credentials
from revaer.daemon.errors import DirectoryUnusable
from revaer.security.messages import ApiKey, MalformedKey, generate_key

log = structlog.get_logger("revaer.daemon")


T = TypeVar("T")


class Run(Protocol):
    """Runs what blocks."""

    async def __call__(self, work: Callable[..., T], /, *args: object) -> T:
        """Return what it returns."""


class LocalKey:
    """The key in the credentials file.

    Args:
        path: the credentials file.
        url: where the API will answer, as far as that is known before it listens.
        run: where the file is touched; a worker thread by default.
    """

    def __init__(self, path: Path, *, url: Callable[[], str], run: Run = trio.to_thread.run_sync) -> None:
        self._path = path
        self._url = url
        self._run = run

    async def exists(self) -> bool:
        """Tell whether there is a credentials file, whatever it holds."""
        return await self._run(self._path.exists)

    async def ensure(self) -> tuple[ApiKey, bool]:
        """Return the key of the file, or make one and write the file; and whether it was made.

        Raises:
            DirectoryUnusable: the file is damaged, readable by others, or cannot be written.
        """
        found = await self._run(read_credentials, self._path)
        if found is not None:
            return self._parsed(found), False
        key = generate_key()
        await self.keep(str(key))
        log.info("admin_key_made", key_id=key.key_id, credentials=str(self._path))
        return key, True

    async def keep(self, clear: str) -> None:
        """Write a key, `<key_id>:<secret>`, over whatever is there.

        Raises:
            DirectoryUnusable: the disk refused.
        """
        await self._run(write_credentials, self._path, Credentials(self._url(), clear))

    async def discard(self, key: ApiKey) -> None:
        """Take the file away if it still holds `key`, which will never count."""
        await self._run(self._discard, key)

    def announce(self, url: str) -> None:
        """Note in the file where the API answers, when there is a file. Blocks.

        Raises:
            DirectoryUnusable: the file cannot be used, or not be written.
        """
        found = read_credentials(self._path)
        if found is not None and found.api_url != url:
            write_credentials(self._path, Credentials(url, found.api_key))

    def _discard(self, key: ApiKey) -> None:
        found = read_credentials(self._path)
        if found is not None and found.api_key == str(key):
            self._path.unlink()

    def _parsed(self, credentials: Credentials) -> ApiKey:
        try:
            return ApiKey.parse(credentials.api_key)
        except MalformedKey:
            raise DirectoryUnusable(
                f"{self._path} holds no API key. Move it away: the next start makes a new one."
            ) from None
