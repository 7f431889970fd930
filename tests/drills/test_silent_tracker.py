"""An orderly stop ends in time, whatever the trackers do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.support.daemon import Api, daemon
from tests.support.torrents import make_torrent, payload
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.support.watching import until_loaded

pytestmark = pytest.mark.drill

TORRENTS = 2000
LIMIT = 25.0
ADDERS = 16


async def test_two_thousand_torrents_stop_while_the_tracker_says_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_tracker(silent=frozenset({"stopped"})) as tracker, daemon(home / "node") as node:
        numbers = iter(range(TORRENTS))
        async with trio.open_nursery() as nursery:
            for _ in range(ADDERS):
                nursery.start_soon(add_each, node.api, numbers, tracker.url)
        await eventually(lambda: tracker.announces["started"] >= TORRENTS, lambda: str(tracker.announces), within=60)

        began = trio.current_time()
        code = await node.stop(within=LIMIT + 10)
        seconds = trio.current_time() - began

        with capsys.disabled():
            print(f"\nsilent tracker drill: exit code {code} after {seconds:.1f} s, {dict(tracker.announces)}")
        assert code == 0
        assert seconds <= LIMIT
        assert tracker.announces["stopped"] > 0, "the goodbye was tried"

        await node.start()
        assert len(await until_loaded(node)) == TORRENTS


async def add_each(api: Api, numbers: Iterator[int], tracker: str) -> None:
    """Add torrents as long as there are numbers."""
    for number in numbers:
        metainfo = make_torrent({f"absent-{number}": payload(16384, seed=number)}, name=f"absent-{number}")
        answer = await api.add(metainfo, trackers=[tracker])
        assert answer.status_code == 201, answer.text
