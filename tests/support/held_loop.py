"""Holding the event loop while the real engine works, so that its notifications pile up and are dropped."""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

import libtorrent as lt

from revaer.types import TorrentId

R = TypeVar("R")

QUEUE = 4
"""How many notifications the engine's queue holds in these tests; it lets the most important ones have three times as
many."""

FLOOD = 10 * QUEUE


def drown(engine: Any, torrent_id: TorrentId, *, until: Callable[[Any], bool] = lambda _: True) -> None:
    """Fill the engine's queue, and let the engine work until it has done what it was asked; nobody takes anything.

    Args:
        engine: a libtorrent engine with a queue of `QUEUE`.
        torrent_id: a torrent that is added again and again, which is refused each time with a notification.
        until: looks at the engine's session; called again and again.
    """
    session = engine._library.session
    again = lt.add_torrent_params()
    again.info_hashes = engine._roster.get(torrent_id).handle.info_hashes()
    again.save_path = "/nowhere"
    again.flags |= lt.torrent_flags.duplicate_is_error
    for _ in range(FLOOD):
        session.async_add_torrent(again)
    session.get_settings()  # everything asked for is under way when it answers
    while not until(session):
        session.get_settings()


@types.coroutine
def begun(call: Coroutine[Any, Any, R], meanwhile: Callable[[], None]) -> Generator[Any, Any, R]:
    """Run a call up to where it first waits, hold the loop for `meanwhile`, then wait for the call's end."""
    try:
        trap = call.send(None)
        meanwhile()
        while True:
            try:
                answer = yield trap
            except BaseException as error:  # noqa: BLE001  # whatever comes belongs to the call
                trap = call.throw(error)
            else:
                trap = call.send(answer)
    except StopIteration as end:
        value: R = end.value
        return value
