"""What the driver raises, in the words of this slice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from revaer.database.messages import (
    ConstraintViolated,
    DatabaseError,
    DatabaseUnavailable,
    InvalidDatabaseUrl,
    StatementFailed,
    StatementTimeout,
)

_QUERY_CANCELED = "57014"
_CLASS_CONNECTION = "08"
_CLASS_CONSTRAINT = "23"
_CLASS_LOST_RACE = "40"
_CLASS_EXHAUSTED = "53"
_READ_ONLY = "25006"


class ConnectionLost(DatabaseUnavailable):
    """The connection is gone or cannot be made. Callers see it as `DatabaseUnavailable`; here it starts a check."""


@contextmanager
def translated(*, within: float = 0.0) -> Iterator[None]:
    """Turn what the driver raises in the body into errors of this slice.

    Args:
        within: Deadline to name in `StatementTimeout`, seconds.

    Raises:
        DatabaseError: In place of the driver's error, which stays attached as the cause.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _from_server(error, within) from error
    except asyncpg.ClientConfigurationError as error:
        raise InvalidDatabaseUrl(f"the database URL cannot be used: {error}") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise StatementFailed(str(error)) from error
    except TimeoutError as error:
        raise ConnectionLost("the server did not answer in time") from error
    except OSError as error:
        raise ConnectionLost(f"cannot reach the server: {error.strerror or error}") from error


def _from_server(error: asyncpg.PostgresError, within: float) -> DatabaseError:
    """Classify an error by its code. A full server is no outage: those who are connected go on."""
    code = getattr(error, "sqlstate", None) or ""
    text = _first_line(error)
    if code == _QUERY_CANCELED:
        return StatementTimeout(within)
    if code.startswith(_CLASS_EXHAUSTED) or code == _READ_ONLY:
        return DatabaseUnavailable(text)
    if code.startswith(_CLASS_CONNECTION) or error.severity_en in {"FATAL", "PANIC"}:
        return ConnectionLost(text)
    if code.startswith(_CLASS_CONSTRAINT):
        return ConstraintViolated(error.constraint_name or error.column_name or "", text)
    if code.startswith(_CLASS_LOST_RACE):
        return DatabaseUnavailable(f"{text}; repeat the statement")
    return StatementFailed(text, code)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
