"""Events over kill -9, restarts and a database that goes away: replayed whole, or a `reset` that says why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from revaer.types import EventId
from tests.support.daemon import Api, Daemon, daemon
from tests.support.database_gate import open_gate
from tests.support.torrents import make_torrent, payload
from tests.support.watching import until_component, until_listed

pytestmark = pytest.mark.drill


@dataclass
class Follower:
    """Reads one event stream after the other, each from the last id that it had.

    Attributes:
        envelopes: every event but progress, in the order in which they came.
        resets: why it was told to begin anew.
    """

    last: str = ""
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)

    async def read(self, api: Api, *, until: str) -> None:
        """Read until the event with an id came."""
        parameters = {"last_event_id": self.last} if self.last else {}
        with trio.fail_after(30):
            async with await api.lines("/v1/events", **parameters) as lines:
                name = ""
                async for line in lines:
                    kind, _, value = line.partition(": ")
                    if kind == "event":
                        name = value
                    elif kind == "id":
                        self.last = value
                    elif kind == "data":
                        self._take(name, value)
                    elif not line and self.last and EventId.parse(self.last) >= EventId.parse(until):
                        return

    def _take(self, name: str, text: str) -> None:
        document = json.loads(text)
        assert name not in ("lagged", "closing"), document
        if name == "reset":
            self.resets.append(document["reason"])
        elif name != "progress":
            self.envelopes.append(document)

    @property
    def ids(self) -> list[EventId]:
        return [EventId.parse(envelope["id"]) for envelope in self.envelopes]

    def added(self) -> list[str]:
        """The torrents that it saw added, in order, once for each start."""
        return [one["event"]["torrent"]["name"] for one in self.envelopes if one["event"]["type"] == "torrent_added"]


async def newest(api: Api) -> str:
    """The id of the newest event."""
    events = (await api.health())["events"]
    return str(EventId(events["epoch"], events["seq"]))


async def add(api: Api, *numbers: int) -> list[str]:
    """Add torrents; return their ids."""
    answers = [await api.add(tiny(number), process=False) for number in numbers]
    assert {answer.status_code for answer in answers} == {201}
    return [answer.json()["id"] for answer in answers]


def tiny(number: int) -> bytes:
    return make_torrent({f"absent-{number}": payload(16384, seed=number)}, name=f"absent-{number}")


def names(*numbers: int) -> list[str]:
    return [f"absent-{number}" for number in numbers]


async def test_follower_over_kills_and_restarts_misses_nothing_unsaid(home: Path) -> None:
    async with daemon(home / "node", engine="simulated") as node:
        follower = Follower()
        api = node.api
        start = await newest(api)
        follower.last = start
        keys = await add(api, *range(20))
        await follower.read(api, until=await newest(api))
        assert follower.added() == names(*range(20))

        await add(api, *range(20, 25))
        assert await node.stop() == 0
        api = await node.start()
        await until_listed(node, 25)
        await follower.read(api, until=await newest(api))
        assert not follower.resets, "an orderly restart is bridged"
        assert follower.added()[20:25] == names(*range(20, 25))
        assert follower.ids == sorted(set(follower.ids))

        await add(api, *range(25, 30))
        await node.kill()
        api = await node.start()
        await until_listed(node, 30)
        await follower.read(api, until=await newest(api))
        (reason,) = follower.resets
        assert "cut off" in reason
        assert follower.ids == sorted(set(follower.ids))
        assert (await api.component("journal"))["state"] == "up"

        page = (await api.http.get(f"/v1/torrents/{keys[0]}/timeline")).json()
        told = [EventId.parse(envelope["id"]) for envelope in page["events"]]
        assert told == sorted(set(told))
        assert len({one.epoch for one in told}) == 3, "every start listed it"
        assert any("last" not in gap and "cut off" in gap["reason"] for gap in page["gaps"])
        assert await node.stop() == 0


async def test_events_of_an_outage_are_written_after_it_and_replayed_after_a_restart(
    home: Path, fresh_database_url: str
) -> None:
    async with open_gate(fresh_database_url) as gate:
        node = Daemon(home / "node", engine="simulated", database_url=gate.url)
        try:
            api = await node.start()
            await add(api, 1)
            before = await newest(api)
            gate.shut()
            await until_component(node, "journal", "degraded")
            follower = Follower(last=before)
            await follower.read(api, until=await newest(api))
            during = [one["event"] for one in follower.envelopes]
            assert ("database", "degraded") in [(one["component"], one["state"]) for one in during]
            assert not follower.resets, "what is not written yet is in memory"

            await gate.open()

            await until_component(node, "journal", "up")
            await add(api, 2)
            assert await node.stop() == 0
            api = await node.start()
            late = Follower(last=before)
            await late.read(api, until=await newest(api))
            assert not late.resets
            assert late.envelopes[: len(follower.envelopes)] == follower.envelopes
            assert late.ids == sorted(set(late.ids))
            assert "absent-2" in late.added()
            assert await node.stop() == 0
        finally:
            await node.close()


async def test_reader_is_told_when_the_past_is_away_and_goes_on(home: Path, fresh_database_url: str) -> None:
    """The journal cannot be read and the ring is of another start: a reader waits a little, and begins anew."""
    async with open_gate(fresh_database_url) as gate:
        node = Daemon(home / "node", engine="simulated", database_url=gate.url)
        try:
            api = await node.start()
            await add(api, 1)
            follower = Follower(last=await newest(api))
            assert await node.stop() == 0
            gate.shut()
            api = await node.start()
            await follower.read(api, until=f"{EventId.parse(follower.last).epoch + 1}-0")
            assert len(follower.resets) == 1

            await gate.open()

            await until_component(node, "journal", "up")
            await add(api, 2)
            await follower.read(api, until=await newest(api))
            assert len(follower.resets) == 1
            assert "absent-2" in follower.added()
            assert await node.stop() == 0
        finally:
            await node.close()
