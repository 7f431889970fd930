"""One line to an endpoint of the user's own after each command: which one, and how it ended. Never what it was given.

It never fails a command, and takes two seconds at most.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from revaer.cli.failures import Failure, WrongRequest

LONGEST_SECONDS = 2.0
LONGEST_MESSAGE = 200

OPTION = click.Option(["--telemetry-endpoint"], envvar="REVAER_TELEMETRY_ENDPOINT")
"""How the environment names the endpoint. It is no option of any command: a script sets it once for all."""


def endpoint(command: click.Command) -> str | None:
    """Answer where to report, when the environment says so."""
    value = OPTION.resolve_envvar_value(click.Context(command))
    return value.strip() or None if isinstance(value, str) else None


def report(url: str, document: Mapping[str, Any]) -> None:
    """Send one document, and forget it when that does not work in time."""
    import httpx  # noqa: PLC0415 (only who has an endpoint pays for it)
    import trio  # noqa: PLC0415 (as above)

    from revaer.client.link import is_loopback  # noqa: PLC0415 (as above)

    async def send() -> None:
        with trio.move_on_after(LONGEST_SECONDS):
            address = httpx.URL(url)
            async with httpx.AsyncClient(timeout=LONGEST_SECONDS, trust_env=not is_loopback(address)) as client:
                await client.post(address, json=dict(document))

    try:
        trio.run(send, restrict_keyboard_interrupt_to_checkpoints=True)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 (whatever it is, the command's own end counts)
        return


def words_of(error: BaseException | None) -> str | None:
    """Say how a command failed without repeating anything that it was given; `None` for one that did not."""
    if error is None:
        return None
    cause = error.__cause__
    title = getattr(cause, "title", None) if isinstance(error, Failure) else None
    if isinstance(title, str):
        return title[:LONGEST_MESSAGE]
    if isinstance(cause, Exception) and isinstance(error, Failure):
        return f"{_kind(error)}: {type(cause).__name__}"
    return _kind(error)


def _kind(error: BaseException) -> str:
    match error:
        case WrongRequest():
            return "the request was wrong"
        case Failure():
            return "the command failed"
        case click.UsageError():
            return "wrong usage"
        case _:
            return f"defect: {type(error).__name__}"


def document(*, command: str, outcome: str, trace_id: str, exit_code: int, message: str | None) -> dict[str, Any]:
    """Write what is reported of one command.

    Args:
        command: its name with that of its group, such as `config set`.
        outcome: `success`, `failure` or `interrupted`.
        trace_id: the request id of everything the command asked.
        exit_code: as a shell sees it.
        message: how it failed.
    """
    told = {"command": command, "outcome": outcome, "trace_id": trace_id, "exit_code": exit_code}
    return told | ({} if message is None else {"message": message}) | {"timestamp_ms": time.time_ns() // 1_000_000}
