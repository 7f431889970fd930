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


class VisitedServer:
    """The embedded server of a daemon that runs: used as it is, never started or stopped."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server

    async def ensure(self) -> Endpoint:
        """Return where it is reached. Raises DatabaseUnavailable when it does not run."""
        return await self._server.visit()

    async def stop(self) -> None:
        """Leave it to its daemon."""
        self._server.leave()


def choose_server(*, data_dir: Path, url: str | None, visiting: bool = False) -> Server:
    """Return the configured server, or the embedded one when there is no URL.

    Args:
        data_dir: The embedded server lives in its subdirectory `postgres`.
        url: A server that somebody else runs.
        visiting: Whether a daemon runs the embedded one.

    Raises:
        InvalidDatabaseUrl: The URL is no PostgreSQL URL.
    """
    if url is not None:
        return ConfiguredServer(url)
    server = EmbeddedServer(data_dir / "postgres")
    return VisitedServer(server) if visiting else server
