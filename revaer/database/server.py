"""What the daemon needs of a server: that it runs, and where it is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from revaer.database.embedded import EmbeddedServer
from revaer.database.endpoint import Endpoint, endpoint_of_url


class Server(Protocol):
    """A server that the daemon uses, whoever runs it."""

    async def ensure(self) -> Endpoint:
        """Return where the server is reached, after starting it where that is our business.

        Raises:
            DatabaseUnavailable: It cannot be started now.
        """

    async def stop(self) -> None:
        """Stop the server where that is our business. Never raises."""


class ConfiguredServer:
    """A server that somebody else runs, named by a URL."""

    def __init__(self, url: str) -> None:
        """Take the URL.

        Raises:
            InvalidDatabaseUrl: It is no PostgreSQL URL.
        """
        self._endpoint = endpoint_of_url(url)

    async def ensure(self) -> Endpoint:
        """Return the endpoint of the URL."""
        return self._endpoint

    async def stop(self) -> None:
        """Do nothing: the server is not ours."""


def choose_server(*, data_dir: Path, url: str | None) -> Server:
    """Return the configured server, or the embedded one when there is no URL.

    Raises:
        InvalidDatabaseUrl: The URL is no PostgreSQL URL.
    """
    return EmbeddedServer(data_dir / "postgres") if url is None else ConfiguredServer(url)
