"""Where a server is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from revaer.database.messages import InvalidDatabaseUrl

SUPERUSER = "postgres"

_PORT = 5432
# One byte of the kernel's 108 is the terminating NUL.
_SOCKET_PATH_LIMIT = 107


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a server.

    Attributes:
        arguments: Keyword arguments for the driver's `connect`. Not shown: they may hold a password.
    """

    arguments: dict[str, Any] = field(repr=False)


def endpoint_of_url(url: str) -> Endpoint:
    """Check a database URL as far as it can be checked without a connection.

    Raises:
        InvalidDatabaseUrl: It is no PostgreSQL URL. The message never contains the URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidDatabaseUrl("the database URL cannot be parsed") from error
    if parts.scheme not in {"postgres", "postgresql"}:
        raise InvalidDatabaseUrl("the database URL must begin with postgresql://")
    try:
        _ = parts.port
    except ValueError as error:
        # Several hosts are allowed, each with its own port; the driver checks those.
        if "," not in parts.netloc:
            raise InvalidDatabaseUrl("the port in the database URL must be a number below 65536") from error
    return Endpoint({"dsn": url})


def endpoint_of_socket(directory: Path) -> Endpoint:
    """Name a server by the directory of its unix socket, as its superuser and in its default database."""
    return Endpoint(
        {"host": str(directory), "port": _PORT, "user": SUPERUSER, "password": "", "database": SUPERUSER, "ssl": False}
    )


def socket_path_fits(directory: Path) -> bool:
    """Tell whether a unix socket in this directory has a path that the kernel takes."""
    return len(bytes(directory / f".s.PGSQL.{_PORT}")) <= _SOCKET_PATH_LIMIT
