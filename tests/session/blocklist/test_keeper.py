"""The session keeps the blocklist that its settings name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from trio.testing import MockClock

from actors import HealthState
from revaer.session.blocklist_fetch import Fetched, FetchFailed
from revaer.session.messages import ApplyLimits, ApplySettings, Rates
from revaer.session.port import EngineSettings
from tests.session.actor.node import Node

LISTED = EngineSettings(blocklist_url="http://l.example/a", blocklist_refresh=400.0)
ONE = ("192.0.2.7", "192.0.2.7")
OTHER = ("198.51.100.0", "198.51.100.255")


@dataclass
class FakeFetcher:
    """Answers with what a test puts here: a body, None for "unchanged", or an error."""

    answer: bytes | Exception | None = b"192.0.2.7\n"
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def fetch(self, settings: EngineSettings, *, etag: str, modified: str) -> Fetched | None:
        self.asked.append((settings.blocklist_url, etag))
        if isinstance(self.answer, Exception):
            raise self.answer
        return None if self.answer is None else Fetched(self.answer, '"v1"')


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    return autojump_clock


@pytest.fixture
def fetcher() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def node(tmp_path: Path, fetcher: FakeFetcher) -> Node:
    return Node(tmp_path, fetcher=fetcher, settings=LISTED)


def blocked(node: Node) -> list[tuple[str, str]] | None:
    """What the engine blocks by a list; None without one."""
    ranges = node.engine.settings.blocklist
    return None if ranges is None else list(ranges.texts())


def reason(node: Node) -> str:
    """What is wrong with the network; empty when nothing is."""
    shown = node.health.snapshot()["network"]
    return "" if shown.state is HealthState.UP else shown.reason or "?"


async def test_list_is_fetched_at_the_start_and_in_force(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    async with node.run():
        await node.settled()
        assert (blocked(node), reason(node)) == ([ONE], "")
        assert fetcher.asked == [("http://l.example/a", "")]


async def test_no_list_is_fetched_without_a_url(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    node.settings = EngineSettings()
    async with node.run():
        await node.settled(1_000.0)
        assert (blocked(node), fetcher.asked) == (None, [])


async def test_other_settings_and_limits_leave_the_list_in_force(
    node: Node, fetcher: FakeFetcher, clock: MockClock
) -> None:
    async with node.run():
        await node.settled()
        await node.ask(ApplySettings(replace(LISTED, dht=False)))
        await node.ask(ApplyLimits(Rates(5, 5)))
        await node.settled()
        assert (blocked(node), len(fetcher.asked)) == ([ONE], 1)


async def test_it_is_refreshed_at_its_interval(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    node.wall = clock.current_time
    async with node.run():
        await node.settled(390.0)
        assert len(fetcher.asked) == 1
        fetcher.answer = b"198.51.100.0/24\n"
        await node.settled(20.0)
        assert (blocked(node), len(fetcher.asked)) == ([OTHER], 2)
        assert fetcher.asked[1] == ("http://l.example/a", '"v1"')
        fetcher.answer = None
        await node.settled(400.0)
        assert (blocked(node), len(fetcher.asked), reason(node)) == ([OTHER], 3, "")


async def test_a_change_of_the_url_is_followed_at_once_and_its_removal_too(
    node: Node, fetcher: FakeFetcher, clock: MockClock
) -> None:
    async with node.run():
        await node.settled()
        fetcher.answer = FetchFailed("its server answered 404")
        await node.ask(ApplySettings(replace(LISTED, blocklist_url="http://l.example/b")))
        await node.settled()
        assert blocked(node) == [ONE], "the one before holds until there is another"
        assert reason(node) == (
            "the blocklist is not up to date: its server answered 404; the one before, 1 ranges, holds"
        )
        fetcher.answer = b"198.51.100.0/24\n"
        await node.ask(ApplySettings(replace(LISTED, blocklist_url="http://l.example/c")))
        await node.settled()
        assert [url[-1] for url, _ in fetcher.asked] == ["a", "b", "c"]
        assert blocked(node) == [OTHER]
        await node.ask(ApplySettings(EngineSettings()))
        await node.settled(100.0)
        assert (blocked(node), reason(node)) == (None, "")
        assert not (node.root / "blocklist").exists()


async def test_failures_are_said_and_tried_again_with_growing_pauses(
    node: Node, fetcher: FakeFetcher, clock: MockClock
) -> None:
    fetcher.answer = FetchFailed("no answer: ConnectError")
    async with node.run():
        await node.settled()
        assert reason(node) == "the blocklist is not up to date: no answer: ConnectError; none is in force"
        await node.settled(60.0 + 120.0 + 240.0)
        assert len(fetcher.asked) == 4
        fetcher.answer = b"192.0.2.7\n"
        await node.settled(500.0)
        assert (blocked(node), reason(node)) == ([ONE], "")


async def test_what_is_no_list_does_not_replace_one(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    node.wall = clock.current_time
    async with node.run():
        await node.settled()
        fetcher.answer = b"<html>\nnot found\n"
        await node.settled(410.0)
        assert blocked(node) == [ONE]
        assert "2 of its 2 lines are neither addresses nor comments; the one before" in reason(node)


async def test_list_holds_from_the_first_moment_of_a_later_start(
    node: Node, fetcher: FakeFetcher, clock: MockClock
) -> None:
    node.wall = clock.current_time
    async with node.run():
        await node.settled()
    fetcher.answer = FetchFailed("no answer")
    async with node.run():
        assert blocked(node) == [ONE]
        assert node.engine.applied == [], "the engine was opened with it"
        await node.settled()
        assert (len(fetcher.asked), reason(node)) == (1, ""), "it is fresh enough"
        await node.settled(410.0)
        assert "no answer; the one before, 1 ranges, holds" in reason(node)
        assert blocked(node) == [ONE]


async def test_a_damaged_copy_is_fetched_anew(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    (node.root / "blocklist").write_bytes(b"damaged")
    async with node.run():
        await node.settled()
        assert (blocked(node), len(fetcher.asked)) == ([ONE], 1)


async def test_a_list_that_cannot_be_kept_is_in_force_and_said(
    node: Node, fetcher: FakeFetcher, clock: MockClock
) -> None:
    (node.root / "blocklist").mkdir()
    async with node.run():
        await node.settled()
        assert blocked(node) == [ONE]
        assert "Is a directory" in reason(node)
        (node.root / "blocklist").rmdir()
        await node.settled(200.0)
        assert (node.root / "blocklist").is_file()
        assert (reason(node), len(fetcher.asked)) == ("", 1)


async def test_trouble_ends_when_no_list_is_wanted_any_more(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    fetcher.answer = FetchFailed("its server answered 404")
    async with node.run():
        await node.settled()
        assert "404" in reason(node)
        await node.ask(ApplySettings(EngineSettings()))
        await node.settled(60.0)
        assert reason(node) == ""


async def test_nothing_is_fetched_while_offline(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    node.settings = replace(LISTED, offline=True)
    async with node.run():
        await node.settled(500.0)
        assert fetcher.asked == []
        await node.ask(ApplySettings(LISTED))
        await node.settled()
        assert blocked(node) == [ONE]


async def test_nothing_is_fetched_while_the_way_out_is_cut(node: Node, fetcher: FakeFetcher, clock: MockClock) -> None:
    node.settings = replace(LISTED, listen=("tun0:6881",), outgoing_interface="tun0")
    async with node.run():
        await node.settled(100.0)
        assert fetcher.asked == []
        node.interfaces.plug("tun0", "10.8.0.2")
        await node.settled(3.0)
        assert blocked(node) == [ONE]


async def test_an_engine_that_does_not_answer_gets_the_list_later(
    node: Node, fetcher: FakeFetcher, clock: MockClock
) -> None:
    node.engines.faults.silent.add("apply")
    async with node.run():
        await node.settled(40.0)
        assert (blocked(node), "did not answer" in reason(node)) == (None, True)
        node.engines.faults.silent.clear()
        await node.settled(200.0)
        assert (blocked(node), reason(node)) == ([ONE], "")
