"""A whole daemon, watched: what it does moves its metrics, is told in its log with what it was done for, and goes to a
collector as spans from the call down to engine and post-processing, or nowhere."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import trio

from tests.support.collector import Collector, open_collector
from tests.support.daemon import Daemon, daemon
from tests.support.payloads import Torrent, torrent_of
from tests.support.swarm import open_peer
from tests.support.torrents import payload
from tests.support.tracker import open_tracker
from tests.support.waiting import eventually
from tests.telemetry.sources import every_metric, total

pytestmark = pytest.mark.drill

UNMOVED = {
    "revaer_event_queue_depth",
    "revaer_events_lagged_total",
    "revaer_mailbox_depth",
    "revaer_mailbox_rejected_total",
    "revaer_actor_restarts_total",
    "revaer_engine_alerts_dropped_total",
}
"""What moves only when something goes wrong inside: `tests/telemetry/test_every_metric.py` moves it."""

REQUEST = "the-add-of-this-test"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def trace_to(node: Daemon, url: str | None) -> None:
    """Send traces there, or nowhere, and wait until that holds."""
    told = len(node.told("tracing_started" if url else "tracing_stopped"))
    fields: dict[str, Any] = {"otel_enabled": url is not None, "otel_service_name": "watched"}
    if url is not None:
        fields["otel_endpoint"] = url
    answer = await node.api.http.patch("/v1/config", json={"app_profile": {"telemetry": fields}})
    assert answer.status_code == 200, answer.text
    event = "tracing_started" if url else "tracing_stopped"
    await eventually(lambda: len(node.told(event)) > told, lambda: f"{event}\n{node.log_tail()}")


async def arrive(collector: Collector, *names: str) -> None:
    """Wait for spans of these names."""
    await eventually(
        lambda: all(collector.named(name) for name in names),
        lambda: f"{names}, there are {sorted({span.name for span in collector.spans})}",
    )


@asynccontextmanager
async def swarm(home: Path, torrent: Torrent) -> AsyncIterator[str]:
    """Somebody who has the torrent; gives the tracker's URL."""
    async with open_tracker() as tracker, open_peer(home / "peer") as seeder:
        await seeder.seed([torrent], home / "seeds", trackers=[tracker.url])
        yield tracker.url


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def samples(node: Daemon) -> dict[str, float]:
    text = (await node.api.http.get("/metrics")).text
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in text.splitlines() if line[0] != "#")
    }


async def provoke(node: Daemon) -> None:
    """Call without a key, and too often with another."""
    async with httpx.AsyncClient(base_url=node.url, trust_env=False) as stranger:
        assert (await stranger.get("/v1/torrents", headers={"x-revaer-api-key": "rk_aaaaaaaa:none"})).status_code == 401
        limit = {"burst": 1, "per_seconds": 600}
        issued = await node.api.http.post("/v1/keys", json={"scopes": ["read"], "rate_limit": limit})
        key = {"x-revaer-api-key": issued.json()["api_key"]}
        answers = [(await stranger.get("/v1/torrents", headers=key)).status_code for _ in range(3)]
        assert 429 in answers, answers
    await eventually(lambda: node.told("rate_limited"), "the line about the limit")
    assert node.told("authentication_failed")[0]["client"] == "127.0.0.1"
    assert node.told("rate_limited")[0]["key_id"] == issued.json()["api_key"].partition(":")[0]


async def crowd(node: Daemon, key: str) -> None:
    """Ask the session for many things at once."""
    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(node.api.http.get, f"/v1/torrents/{key}/peers")


async def stop_the_loop(node: Daemon) -> None:
    """Let the process stand still, for longer than it ever did by itself."""
    longest = await node.api.metric("revaer_loop_stall_longest_seconds")
    process, since = psutil.Process(node.pid), trio.current_time()
    process.suspend()
    await eventually(lambda: trio.current_time() - since > longest + 0.1, "a moment")
    process.resume()


async def change(node: Daemon, **profile: Any) -> None:
    """Change the engine's profile."""
    answer = await node.api.http.patch("/v1/config", json={"engine_profile": profile})
    assert answer.status_code == 200, answer.text


async def test_all_that_a_daemon_does_moves_its_metrics(home: Path, fresh_database_url: str) -> None:
    torrent = torrent_of({"one.bin": payload(8_000_000)}, name="One", root=home / "seeds")
    with open_collector() as collector:
        async with daemon(home / "node", database_url=fresh_database_url) as node, swarm(home, torrent) as tracker:
            await change(node, max_download_bps=3_000_000, max_upload_bps=5_000_000, limit_local_peers=True)
            moved: set[str] = set()
            before = await samples(node)

            async def look() -> bool:
                now = await samples(node)
                moved.update(name for name in every_metric() if total(now, name) != total(before, name))
                return moved | UNMOVED >= every_metric()

            await trace_to(node, collector.url)
            async with await node.api.events():
                added = await node.api.add(torrent.metainfo, trackers=[tracker])
                key = added.json()["id"]

                async def processed() -> bool:
                    await look()
                    return "library_path" in await node.api.detail(key)

                await eventually(processed, node.log_tail, within=30)
                await crowd(node, key)
                await provoke(node)
                await stop_the_loop(node)
                nowhere = f"http://127.0.0.1:{closed_port()}/list"
                await change(node, max_download_bps=None, ip_filter={"blocklist_url": nowhere})
                await node.api.act(key, "pause")
                await eventually(look, lambda: f"these to move: {sorted(every_metric() - moved - UNMOVED)}", within=30)


async def test_trace_leads_from_the_call_to_engine_and_post_processing(home: Path, fresh_database_url: str) -> None:
    torrent = torrent_of({"one.bin": payload(100_000)}, name="One", root=home / "node" / "downloads")
    with open_collector() as collector:
        variables = {"REVAER_LOG_LEVEL": "debug"}
        async with daemon(home / "node", database_url=fresh_database_url, variables=variables) as node:
            await trace_to(node, collector.url)
            headers = {"x-request-id": REQUEST, "traceparent": CALLER}
            body = {"metainfo": base64.b64encode(torrent.metainfo).decode(), "seed_mode": True}
            added = await node.api.http.post("/v1/torrents", json=body, headers=headers)
            assert added.status_code == 201, added.text
            key = added.json()["id"]
            await arrive(collector, "POST /v1/torrents", "fsops.publish", "fsops.job")

            root = collector.one("POST /v1/torrents")
            assert (root.kind, root.trace, root.parent) == ("server", CALLER[3:35], CALLER[36:52])
            assert root.attributes["http.response.status_code"] == 201
            assert collector.line_of(collector.one("engine.add")) == ["engine.add", "session AddTorrent", root.name]
            assert "resume_store PersistIntent" in {span.name for span in collector.spans}
            assert collector.line_of(collector.one("fsops.publish"))[:2] == ["fsops.publish", "fsops.job"]
            mine = [span for span in collector.spans if span.trace == root.trace]
            assert {"fsops.publish", "engine.add"} <= {span.name for span in mine}
            assert {span.attributes["revaer.request_id"] for span in mine} == {REQUEST}
            assert collector.one("fsops.job").attributes["revaer.torrent_id"] == key
            assert {span.service for span in collector.spans} == {"watched"}
            assert not [span for span in collector.spans if span.failed]
            assert node.key().partition(":")[2].encode() not in b"".join(collector.raw)
            told_with_their_cause(node, key)


def told_with_their_cause(node: Daemon, key: str) -> None:
    """The log says for which call each actor worked, on which torrent, and of which generation it is."""
    lines = [json.loads(line) for line in node.log.read_text().splitlines() if REQUEST in line]
    (answered,) = [line for line in lines if line["event"] == "request_answered"]
    assert (answered["route"], answered["status"], answered["actor"]) == ("/v1/torrents", 201, "api")
    by_actor = {line["actor"]: line for line in lines}
    assert {"api", "fsops"} <= set(by_actor), by_actor
    assert all(line["generation"] == 1 for line in lines)
    assert by_actor["fsops"]["torrent_id"] == key


async def test_traces_can_be_turned_off_and_sent_elsewhere_while_it_runs(home: Path, fresh_database_url: str) -> None:
    with open_collector() as first, open_collector() as second:
        async with daemon(home / "node", database_url=fresh_database_url, engine="simulated") as node:
            await node.api.http.get("/v1/dashboard")
            await trace_to(node, first.url)
            await node.api.http.get("/v1/torrents")
            await trace_to(node, None)
            await eventually(lambda: first.connections == 0, "nothing is left of the connection")
            assert first.named("GET /v1/torrents")
            assert not first.named("GET /v1/dashboard")
            seen = len(first.spans)

            await node.api.http.get("/v1/dashboard")
            await trace_to(node, second.url)
            await node.api.http.get("/v1/categories")
            await arrive(second, "GET /v1/categories")
            assert not second.named("GET /v1/dashboard")
            assert len(first.spans) == seen
            assert await node.stop() == 0
            assert second.paths == ["/v1/traces"] * len(second.paths)


async def test_collector_that_hangs_or_is_gone_costs_spans_only(home: Path, fresh_database_url: str) -> None:
    with open_collector() as hanging:
        gone = f"http://127.0.0.1:{closed_port()}"
        hanging.gate.clear()
        async with daemon(home / "node", database_url=fresh_database_url, engine="simulated") as node:
            for url in (gone, hanging.url):
                await trace_to(node, url)
                for _ in range(50):
                    assert (await node.api.http.get("/v1/torrents")).status_code == 200
                health = await node.api.health()
                assert health["status"] == "ok", health
            assert (
                await node.api.metric("revaer_http_request_duration_seconds_bucket", route="/v1/torrents", le="1.0")
                >= 100
            )
            await trace_to(node, gone)
            hanging.gate.set()

            async def failed() -> bool:
                return await node.api.metric("revaer_trace_spans_total", outcome="failed") > 0

            await eventually(failed, node.log_tail, within=30)
            assert len(node.told("traces_lost")) >= 1
            assert await node.stop(within=10) == 0


def test_nothing_of_opentelemetry_is_imported_before_it_is_wanted() -> None:
    program = "import revaer.daemon.node, revaer.daemon.wiring, sys; print([m for m in sys.modules if 'opentel' in m])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"otel_enabled": True}, "otel_endpoint"),
    ({"otel_enabled": True, "otel_endpoint": "not a url"}, "otel_endpoint"),
    ({"otel_service_name": ""}, "otel_service_name"),
    ({"level": "loud"}, "level"),
    ({"format": "xml"}, "format"),
    ({"otel_sampling": 1}, "otel_sampling"),
)


async def test_what_telemetry_cannot_be_is_refused(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated") as node:
        for fields, name in REFUSED:
            answer = await node.api.http.patch("/v1/config", json={"app_profile": {"telemetry": fields}})
            assert answer.status_code == 422, answer.text
            pointers = [one["pointer"] for one in answer.json()["invalid_params"]]
            assert f"/app_profile/telemetry/{name}" in pointers


COMPONENTS = {
    "database",
    "config_watcher",
    "journal",
    "resume_store",
    "session",
    "network",
    "storage",
    "tracker",
    "throttle",
    "fsops",
    "api",
}


async def test_health_page_has_every_field_of_the_contract(home: Path, fresh_database_url: str) -> None:
    variables = {"REVAER_BUILD_SHA": "0123abc"}
    async with daemon(home / "node", database_url=fresh_database_url, variables=variables) as node:
        page = await node.api.health()
        assert {"status", "mode", "version", "build_sha", "revision", "uptime"} <= page.keys()
        assert (page["status"], page["mode"], page["build_sha"]) == ("ok", "active", "0123abc")
        assert set(page["components"]) == COMPONENTS
        for part in page["components"].values():
            assert part.keys() - {"latency_ms"} == {"state", "reason", "since", "generation"}
            assert part["state"] == "up"
        assert page["components"]["database"]["latency_ms"] > 0
        assert page["engine"]["engine"] == "libtorrent"
        assert {"queue", "running", "failed"} <= page["fsops"].keys()
        assert {"latency_ms", "server_version"} <= page["database"].keys()
        assert page["events"].keys() == {"epoch", "seq", "subscribers", "lagged"}
        assert page["journal"].keys() - {"events"} == {"waiting", "waiting_bytes", "lost", "gaps"}
        assert page["mailboxes"]
        assert all(box.keys() == {"depth", "peak", "capacity"} for box in page["mailboxes"].values())
        assert {one["guardrail"] for one in page["guardrails"]} >= {"global_download_cap", "global_upload_cap"}
        async with httpx.AsyncClient(base_url=node.url, trust_env=False) as stranger:
            assert (await stranger.get("/health/full")).json().keys() == {"status", "mode", "version"}


async def set_log(node: Daemon, **fields: str) -> None:
    """Change the log, and wait until the revision holds."""
    revision = (await node.api.http.patch("/v1/config", json={"app_profile": {"telemetry": fields}})).json()["revision"]

    async def holds() -> bool:
        return bool(await node.api.metric("revaer_config_revision") >= revision)

    await eventually(holds, node.log_tail)


async def test_log_changes_its_level_while_it_runs(home: Path, fresh_database_url: str) -> None:
    variables = {"REVAER_LOG_LEVEL": ""}
    async with daemon(home / "node", database_url=fresh_database_url, engine="simulated", variables=variables) as node:
        await node.api.http.get("/v1/dashboard")
        assert not node.told("request_answered")
        await set_log(node, level="debug")

        async def told() -> list[dict[str, Any]]:
            await node.api.http.get("/v1/dashboard")
            return [one for one in node.told("request_answered") if one["route"] == "/v1/dashboard"]

        await eventually(told, node.log_tail)
        assert (await told())[0]["request_id"]
        assert node.key().partition(":")[2] not in node.log.read_text()
