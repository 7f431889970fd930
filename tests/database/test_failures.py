"""The driver's errors in the words of this slice."""

import asyncpg
import pytest

from revaer.database.failures import ConnectionLost, translated
from revaer.database.messages import (
    ConstraintViolated,
    DatabaseError,
    DatabaseUnavailable,
    InvalidDatabaseUrl,
    StatementFailed,
    StatementTimeout,
)


@pytest.mark.parametrize(
    ("raised", "expected", "text"),
    [
        (asyncpg.QueryCanceledError("canceling statement"), StatementTimeout, "longer than 3 s"),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), ConnectionLost, "closed in the middle"),
        (asyncpg.TooManyConnectionsError("too many clients"), DatabaseUnavailable, "too many clients"),
        (asyncpg.DiskFullError("no space"), DatabaseUnavailable, "no space"),
        (asyncpg.ReadOnlySQLTransactionError("cannot write"), DatabaseUnavailable, "cannot write"),
        (asyncpg.SerializationError("conflict"), DatabaseUnavailable, "repeat"),
        (asyncpg.UniqueViolationError("duplicate"), ConstraintViolated, "duplicate"),
        (asyncpg.UndefinedTableError("no table\nDETAIL: more"), StatementFailed, "no table$"),
        (asyncpg.InterfaceError("wrong use"), StatementFailed, "wrong use"),
        (asyncpg.InternalClientError("a bug"), StatementFailed, "a bug"),
        (asyncpg.ClientConfigurationError("odd"), InvalidDatabaseUrl, "odd"),
        (TimeoutError(), ConnectionLost, "did not answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), ConnectionLost, "Connection refused"),
        (OSError("several hosts failed"), ConnectionLost, "several hosts failed"),
    ],
)
def test_each_error_has_one_meaning(raised: Exception, expected: type[DatabaseError], text: str) -> None:
    with pytest.raises(DatabaseError, match=text) as caught, translated(within=3.0):
        raise raised
    assert type(caught.value) is expected
    assert caught.value.__cause__ is raised


def test_a_fatal_error_ends_the_connection() -> None:
    error = asyncpg.InvalidPasswordError("password authentication failed")
    error.severity_en = "FATAL"
    with pytest.raises(ConnectionLost, match="password"), translated():
        raise error


def test_a_server_without_a_free_session_is_no_outage() -> None:
    error = asyncpg.TooManyConnectionsError("too many clients")
    error.severity_en = "FATAL"
    with pytest.raises(DatabaseUnavailable, match="too many clients") as caught, translated():
        raise error
    assert not isinstance(caught.value, ConnectionLost)


def test_other_errors_pass() -> None:
    with pytest.raises(LookupError), translated():
        raise LookupError
