"""A blocklist by the configuration of a real daemon: fetched from loopback, in force at once, kept over a restart."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import daemon
from tests.support.waiting import eventually
from tests.support.watching import until_component


class Site(http.server.ThreadingHTTPServer):
    """Serves one body, or 404 without one."""

    body: bytes | None = None
    asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Site)
        self.server.asked += 1
        body = self.server.body
        self.send_response(404 if body is None else 200)
        self.send_header("content-length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.mark.drill
async def test_a_list_is_fetched_kept_and_its_failures_are_said(
    home: Path, fresh_database_url: str, site: Site
) -> None:
    url = f"http://127.0.0.1:{site.server_port}/level1.gz"
    async with daemon(home / "node", database_url=fresh_database_url) as node:
        site.body = gzip.compress(b"# list\nSome Body:192.0.2.1-192.0.2.9\n198.51.100.0/24\n")
        kept = node.data_dir / "blocklist"

        answer = await node.api.http.patch("/v1/config", json={"engine_profile": {"ip_filter": {"blocklist_url": url}}})

        assert answer.status_code == 200, answer.text
        await eventually(kept.exists, lambda: f"the list\n{node.log_tail()}")
        assert node.told("blocklist_fetched")[0]["ranges"] == 2
        assert (await node.api.component("network"))["state"] == "up"

        assert await node.stop() == 0
        await node.start()
        await until_component(node, "network", "up")
        assert site.asked == 1, "it is fresh enough"

        site.body = None
        gone = {"engine_profile": {"ip_filter": {"blocklist_url": f"{url}?other"}}}
        assert (await node.api.http.patch("/v1/config", json=gone)).status_code == 200
        reason = (await until_component(node, "network", "degraded"))["reason"]
        assert "its server answered 404; the one before, 2 ranges, holds" in reason

        none = {"engine_profile": {"ip_filter": {"blocklist_url": None}}}
        assert (await node.api.http.patch("/v1/config", json=none)).status_code == 200
        await eventually(lambda: not kept.exists(), "nothing is kept")
        await until_component(node, "network", "up")
