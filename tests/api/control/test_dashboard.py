"""GET /v1/dashboard: the whole node in one small document."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from actors import ActorRef, Bus, Health
from revaer.api.dashboard import limits_document
from revaer.api.overview import CHUNK, FAILURES, FRESH_SECONDS, Overview
from revaer.api.readmodel import ReadModel
from revaer.events import Event
from revaer.telemetry.metrics import Metrics
from revaer.throttle.messages import EffectiveLimits, Limit, Limits, Violation, Window
from revaer.types import Progress, StateView, TorrentState
from tests.api.conftest import READER, make_view
from tests.api.control.conftest import Node, StartNode
from tests.support.problem_documents import assert_problem


async def look(node: Node) -> dict[str, Any]:
    """The dashboard."""
    answer = await node.http.get("/v1/dashboard")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_node_with_torrents(start_node: StartNode) -> None:
    async with start_node(views=3) as node:
        ids = sorted(node.catalogue.views)
        figures = Progress(
            bytes_downloaded=400, bytes_total=1000, download_bps=10, upload_bps=5, downloaded_bytes=7, uploaded_bytes=8
        )
        node.catalogue.progress({ids[0]: figures, ids[1]: figures})
        node.catalogue.change_state(ids[2], TorrentState.SEEDING)
        document = await look(node)

    assert document["torrents"]["total"] == 3
    assert document["torrents"]["active"] == 2
    assert document["torrents"]["loading"] is False
    assert document["torrents"]["states"] == {
        **dict.fromkeys((state.value for state in TorrentState), 0),
        "downloading": 2,
        "seeding": 1,
    }
    assert document["rates"] == {"download_bps": 20, "upload_bps": 10}
    assert document["totals"] == {
        "wanted_bytes": 2000 + 1002,
        "completed_bytes": 800,
        "downloaded_bytes": 14,
        "uploaded_bytes": 16,
    }
    assert document["version"] == "1.2.3"
    assert document["mode"] == "active"
    assert document["revision"] == node.terms_revision
    assert document["uptime"] >= 0
    assert document["queue"]["queued"] == 0
    assert (document["queue"]["downloading"], document["queue"]["seeding"]) == (2, 1)
    assert document["failures"] == []


async def test_what_the_configuration_says(start_node: StartNode) -> None:
    documents = {"app_profile": {"instance_name": "attic"}, "engine_profile": {"max_active_downloads": 7}}
    async with start_node(documents=documents) as node:
        document = await look(node)
    assert document["instance_name"] == "attic"
    assert document["queue"]["max_active_downloads"] == 7


async def test_volumes(node: Node) -> None:
    document = await look(node)
    roots = {name: path for volume in document["volumes"] for name, path in volume["roots"].items()}
    assert set(roots) == {"download_root", "library_root"}
    assert all("problem" in volume or volume["free_bytes"] >= 0 for volume in document["volumes"])


async def test_health_and_guard_rails(node: Node) -> None:
    node.tripped.append(Violation("global_cap", "there is no global cap"))
    node.health.reporter("engine room").degraded("it is hot")
    document = await look(node)
    assert document["health"]["status"] == "degraded"
    assert document["health"]["guardrails"] == [{"guardrail": "global_cap", "message": "there is no global cap"}]
    part = next(part for part in document["health"]["components"] if part["component"] == "engine room")
    assert (part["state"], part["reason"]) == ("degraded", "it is hot")


async def test_the_newest_failures_come_first(start_node: StartNode) -> None:
    async with start_node(views=FAILURES + 3) as node:
        for view in sorted(node.catalogue.views.values(), key=lambda view: view.id)[: FAILURES + 1]:
            node.catalogue.change_state(view.id, TorrentState.FAILED)
        document = await look(node)
    times = [failure["since"] for failure in document["failures"]]
    assert len(times) == FAILURES
    assert times == sorted(times, reverse=True)
    assert document["torrents"]["states"]["failed"] == FAILURES + 1
    assert document["failures"][0]["name"].startswith("torrent ")


async def test_who_may_look(node: Node) -> None:
    assert (await node.client(READER).get("/v1/dashboard")).status_code == 200
    assert_problem(await node.client().get("/v1/dashboard"), 401, "unauthorized")
    assert_problem(await node.http.get("/v1/dashboard?x=1"), 400, "bad-request", "/query/x")
    assert_problem(await node.http.post("/v1/dashboard"), 405, "method-not-allowed")


async def test_a_node_whose_parts_are_away_still_shows_what_it_knows(node: Node) -> None:
    """There is no post-processing on this node."""
    document = await look(node)
    assert "fsops" not in document
    assert document["limits"] == {
        "download_bps": None,
        "upload_bps": None,
        "in_effect": False,
        "alt_speed": {"active": False},
    }
    assert document["torrents"]["total"] == 0


LIMITS = EffectiveLimits(limits=Limits(Limit(1000, "profile"), Limit(None, "none")), in_effect=True)
NIGHT = Window(frozenset(range(7)), start=time(22), end=time(6), timezone="UTC")


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (LIMITS, {"download_bps": 1000, "upload_bps": None, "in_effect": True, "alt_speed": {"active": False}}),
        (
            replace(LIMITS, window=NIGHT, changes_at=1_800_000_000.0, in_effect=False, problem="the engine is away"),
            {
                "download_bps": 1000,
                "upload_bps": None,
                "in_effect": False,
                "problem": "the engine is away",
                "alt_speed": {
                    "active": True,
                    "window": "mon,tue,wed,thu,fri,sat,sun 22:00-06:00 UTC",
                    "changes_at": "2027-01-15T08:00:00.000Z",
                },
            },
        ),
    ],
)
def test_limits(limits: EffectiveLimits, expected: dict[str, Any]) -> None:
    assert limits_document(limits) == expected


async def test_sums_are_added_up_once_a_second_and_by_turns(autojump_clock: trio.testing.MockClock) -> None:
    model = ReadModel(
        session=ActorRef("session"), bus=Bus[Event](), health=Health().reporter("model"), metrics=Metrics()
    )
    for number in range(3 * CHUNK):
        model._put(make_view(number, progress=Progress(bytes_total=1)))
    overview = Overview(model)
    turns: list[int] = []

    async def beside() -> None:
        while True:
            turns.append(1)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(beside)
        first = await overview.look()
        nursery.cancel_scope.cancel()
    assert first.wanted_bytes == 3 * CHUNK
    assert len(turns) >= 3

    failed = make_view(0, progress=Progress(bytes_total=2))
    model._put(replace_state(failed))
    assert await overview.look() is first
    await trio.sleep(FRESH_SECONDS)
    second = await overview.look()
    assert second.wanted_bytes == 3 * CHUNK + 1
    assert [view.id for view in second.failures] == [failed.id]
    await trio.sleep(FRESH_SECONDS)
    assert await overview.look() is second


def replace_state(view: Any) -> Any:
    """The same torrent, failed."""
    return msgspec.structs.replace(view, state=StateView(TorrentState.FAILED, 5.0, "the disk is full"))
