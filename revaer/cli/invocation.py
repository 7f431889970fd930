"""One invocation of a command: find the daemon, do the work on trio, turn errors into failures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from revaer.cli.reporting import failure_of
from revaer.cli.settings import Settings
from revaer.cli.target import Target, find_target
from revaer.client import Client, ClientError

T = TypeVar("T")


def locate(settings: Settings) -> Target:
    """Find the daemon that the settings lead to.

    Raises:
        Failure: with the words and the exit code for what went wrong.
    """
    try:
        return find_target(settings)
    except ClientError as error:
        raise failure_of(error, target=None, request_id="") from error


def converse(
    settings: Settings,
    work: Callable[[Client], Awaitable[T]],
    *,
    target: Target | None = None,
    timeout: float | None = None,
) -> T:
    """Run `work` with a client for a daemon. Everything it sends carries one request id.

    Args:
        settings: what the options said.
        work: what to do; its client is closed afterwards.
        target: the daemon; the one that the settings lead to when absent.
        timeout: seconds to wait for an answer; what the settings say when absent.

    Raises:
        Failure: with the words and the exit code for what went wrong.
    """
    target = target or locate(settings)
    try:
        return trio.run(
            _with_client,
            target,
            settings.timeout if timeout is None else timeout,
            settings.request_id,
            work,
            restrict_keyboard_interrupt_to_checkpoints=True,
        )
    except ClientError as error:
        raise failure_of(error, target=target, request_id=settings.request_id) from error


async def _with_client(target: Target, timeout: float, request_id: str, work: Callable[[Client], Awaitable[T]]) -> T:
    async with Client(target.url, target.api_key, timeout, request_id=request_id) as client:
        return await work(client)
