"""Who calls, by which name, through which proxy, from which page: what of it is believed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio

from revaer.security.keys import generate_key
from tests.api.conftest import READER
from tests.api.control.conftest import Node, StartNode
from tests.support.problem_documents import assert_problem

FREE: dict[str, Any] = {"auth_mode": "none"}
LOCAL = {"local_networks": ["127.0.0.0/8"]}


def profile(**fields: Any) -> dict[str, Any]:
    return {"app_profile": fields}


class TestWithoutKeys:
    """Where no keys are asked for, callers of local networks come in without one."""

    async def test_a_local_caller_may_do_everything(self, start_node: StartNode) -> None:
        async with start_node(documents=profile(**FREE, **LOCAL), key=None) as node:
            assert (await node.http.get("/v1/keys")).status_code == 200
            await node.http.patch("/v1/config", json={"engine_profile": {"dht": False}})
            assert getattr(node.ledger.seen, "author", None) == "local:127.0.0.1"
            assert "components" in (await node.http.get("/health/full")).json()

    async def test_a_key_that_is_presented_must_be_good_all_the_same(self, start_node: StartNode) -> None:
        async with start_node(documents=profile(**FREE, **LOCAL), key=None) as node:
            assert_problem(await node.client("x:wrongwrongwrong").get("/v1/keys"), 401, "unauthorized")
            assert_problem(await node.client(READER).get("/v1/keys"), 403, "forbidden")

    async def test_others_need_a_key(self, start_node: StartNode) -> None:
        rules = profile(**FREE, local_networks=["10.0.0.0/8"])
        async with start_node(documents=rules, key=None) as node:
            assert_problem(await node.http.get("/v1/torrents"), 401, "unauthorized")
            assert (await node.client(READER).get("/v1/torrents")).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-forwarded-for": "10.0.0.7"},
            {"x-forwarded-for": "127.0.0.1"},
            {"X-Forwarded-For": "10.0.0.7, 127.0.0.1"},
            {"forwarded": "for=10.0.0.7"},
            {"x-real-ip": "10.0.0.7"},
            {"x_forwarded_for": "10.0.0.7"},
        ],
    )
    async def test_nobody_becomes_local_by_what_he_says(self, start_node: StartNode, headers: dict[str, str]) -> None:
        rules = profile(**FREE, local_networks=["10.0.0.0/8"])
        async with start_node(documents=rules, key=None) as node:
            assert_problem(await node.http.get("/v1/torrents", headers=headers), 401, "unauthorized")

    @pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host"])
    async def test_a_proxy_that_nobody_named_makes_no_one_local(self, start_node: StartNode, header: str) -> None:
        async with start_node(documents=profile(**FREE, **LOCAL), key=None) as node:
            answer = await node.http.get("/v1/torrents", headers={header: "203.0.113.9"})
            assert_problem(answer, 401, "unauthorized")

    @pytest.mark.parametrize(
        ("forwarded", "status"),
        [
            (["10.0.0.7"], 200),
            (["203.0.113.9, 10.0.0.7"], 200),
            (["203.0.113.9", "10.0.0.7"], 200),
            (["10.0.0.7, 127.0.0.1"], 200),
            (["[::ffff:10.0.0.7]:4711"], 200),
            (["10.0.0.7:4711"], 200),
            (["203.0.113.9"], 401),
            (["10.0.0.7, 203.0.113.9"], 401),
            (["10.0.0.7", "203.0.113.9"], 401),
            (["10.0.0.7, nonsense"], 401),
            (["nonsense, 10.0.0.7"], 200),
            (["10.0.0.7,"], 401),
            (["10.0.0.7, unknown"], 401),
            (["10.0.0.7\t,\t203.0.113.9"], 401),
            ([""], 401),
            (["10.0.0.7;203.0.113.9"], 401),
            (["10.0.0.7" + ",127.0.0.1" * 100], 401),
        ],
    )
    async def test_behind_a_trusted_proxy_the_right_most_untrusted_hop_counts(
        self, start_node: StartNode, forwarded: list[str], status: int
    ) -> None:
        rules = profile(**FREE, local_networks=["10.0.0.0/8"], trusted_proxies=["127.0.0.0/8"])
        async with start_node(documents=rules, key=None) as node:
            answer = await node.http.get("/v1/torrents", headers=[("x-forwarded-for", value) for value in forwarded])
            assert answer.status_code == status, answer.text

    async def test_a_trusted_proxy_that_hides_its_caller_makes_nobody_local(self, start_node: StartNode) -> None:
        rules = profile(**FREE, **LOCAL, trusted_proxies=["127.0.0.1"])
        async with start_node(documents=rules, key=None) as node:
            assert (await node.http.get("/v1/torrents")).status_code == 200, "a direct caller"
            answer = await node.http.get("/v1/torrents", headers={"x-forwarded-proto": "https"})
            assert_problem(answer, 401, "unauthorized")

    async def test_the_rule_changes_live_both_ways(self, node: Node) -> None:
        free = node.client()
        assert_problem(await free.get("/v1/torrents"), 401, "unauthorized")
        await node.http.patch("/v1/config", json=profile(**FREE, **LOCAL))
        assert (await free.get("/v1/torrents")).status_code == 200
        await node.http.patch("/v1/config", json=profile(auth_mode="api_key"))
        assert_problem(await free.get("/v1/torrents"), 401, "unauthorized")

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
    async def test_pages_of_others_do_not_ride_on_it(self, start_node: StartNode, origin: str) -> None:
        async with start_node(documents=profile(**FREE, **LOCAL), key=None) as node:
            for method, path in (("GET", "/v1/torrents"), ("POST", f"/v1/keys/{READER.key_id}/rotate")):
                answer = await node.http.request(method, path, headers={"origin": origin})
                assert_problem(answer, 403, "forbidden")

    async def test_its_own_page_and_allowed_ones_do(self, start_node: StartNode) -> None:
        rules = profile(**FREE, **LOCAL, allowed_origins=["https://ui.example"])
        async with start_node(documents=rules, key=None) as node:
            for origin in (node.url, "https://ui.example"):
                assert (await node.http.get("/v1/torrents", headers={"origin": origin})).status_code == 200


class TestAddresses:
    async def test_failures_are_counted_for_the_client_and_not_for_the_proxy(self, start_node: StartNode) -> None:
        async with start_node(documents=profile(trusted_proxies=["127.0.0.1"]), key=None) as node:
            wrong = node.client("nonsense")
            guesser, other = {"x-forwarded-for": "203.0.113.9"}, {"x-forwarded-for": "203.0.113.10"}
            answers = [await wrong.get("/v1/torrents", headers=guesser) for _ in range(11)]
            assert [answer.status_code for answer in answers] == [401] * 10 + [429]
            assert int(answers[-1].headers["retry-after"]) >= 1
            assert_problem(await wrong.get("/v1/torrents", headers=other), 401, "unauthorized")

    async def test_a_guesser_does_not_escape_by_naming_other_addresses(self, node: Node) -> None:
        wrong = node.client("nonsense")
        answers = [
            await wrong.get("/v1/torrents", headers={"x-forwarded-for": f"203.0.113.{number}"}) for number in range(11)
        ]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]

    async def test_metrics_are_free_on_the_node_only(self, node: Node) -> None:
        free = node.client()
        assert (await free.get("/metrics")).status_code == 200
        headers = {"x-forwarded-for": "127.0.0.1"}
        assert_problem(await free.get("/metrics", headers=headers), 401, "unauthorized")
        assert (await node.http.get("/metrics", headers=headers)).status_code == 200


class TestHosts:
    async def test_names_come_and_go_live(self, node: Node) -> None:
        host = {"host": "Nas.Example:7070"}
        assert_problem(await node.http.get("/health", headers=host), 403, "forbidden")
        await node.http.patch("/v1/config", json=profile(allowed_hosts=["nas.example"]))
        assert (await node.http.get("/health", headers=host)).status_code == 200
        await node.http.patch("/v1/config", json=profile(allowed_hosts=None))
        assert_problem(await node.http.get("/health", headers=host), 403, "forbidden")

    @pytest.mark.parametrize("host", ["nas.example.evil", "evil@nas.example", "nas.example:x", "[::1", ""])
    async def test_names_that_only_look_like_it(self, start_node: StartNode, host: str) -> None:
        async with start_node(documents=profile(allowed_hosts=["nas.example"])) as node:
            assert (await node.http.get("/health", headers={"host": host})).status_code in (400, 403)

    async def test_two_hosts_in_one_request(self, node: Node) -> None:
        request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", node.port) as stream:
            await stream.send_all(request)
            assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 400 ")


class TestPages:
    """Pages of other origins see answers only when the configuration allows it."""

    async def test_nothing_is_said_of_it_unless_it_is_configured(self, node: Node) -> None:
        answer = await node.http.get("/v1/torrents", headers={"origin": "https://ui.example"})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "origin" not in answer.headers.get("vary", "")

    async def test_allowed_pages_may_read_answers_and_refusals(self, start_node: StartNode) -> None:
        async with start_node(documents=profile(allowed_origins=["https://ui.example"])) as node:
            origin = {"origin": "https://ui.example"}
            for client, path in ((node.http, "/v1/torrents"), (node.client(), "/v1/torrents"), (node.http, "/x")):
                answer = await client.get(path, headers=origin)
                assert answer.headers["access-control-allow-origin"] == "https://ui.example"
                assert "origin" in answer.headers["vary"].split(", ")
                assert "x-ratelimit-remaining" in answer.headers["access-control-expose-headers"]
                assert "access-control-allow-credentials" not in answer.headers

    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example", "http://ui.example", "https://ui.example.evil", "null", "", "https://ui.example:8"],
    )
    async def test_other_pages_may_not(self, start_node: StartNode, origin: str) -> None:
        async with start_node(documents=profile(allowed_origins=["https://ui.example"])) as node:
            answer = await node.http.get("/v1/torrents", headers={"origin": origin})
            assert "access-control-allow-origin" not in answer.headers
            assert "origin" in answer.headers["vary"].split(", ")

    async def test_browsers_that_ask_first_are_told(self, start_node: StartNode) -> None:
        async with start_node(documents=profile(allowed_origins=["https://ui.example"]), key=None) as node:
            answer = await _preflight(node.http, "https://ui.example")
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == "https://ui.example"
            assert "PATCH" in answer.headers["access-control-allow-methods"]
            for name in ("x-revaer-api-key", "if-match", "content-type", "last-event-id"):
                assert name in answer.headers["access-control-allow-headers"]
            other = await _preflight(node.http, "https://evil.example")
            assert not [name for name in other.headers if name.startswith("access-control")]

    async def test_streams_may_be_read_by_allowed_pages(self, start_node: StartNode) -> None:
        async with start_node(documents=profile(allowed_origins=["https://ui.example"])) as node:
            headers = {"origin": "https://ui.example"}
            async with node.http.stream("GET", "/v1/events", headers=headers) as answer:
                assert answer.headers["access-control-allow-origin"] == "https://ui.example"


async def test_an_unknown_key_costs_no_less_than_a_wrong_one(node: Node) -> None:
    """Both are refused alike; the hash is computed either way (security proves the time)."""
    unknown = await node.client(generate_key()).get("/v1/torrents")
    wrong = await node.client(f"{READER.key_id}:wrongwrongwrong").get("/v1/torrents")
    assert (unknown.status_code, unknown.json()["detail"]) == (wrong.status_code, wrong.json()["detail"])


async def _preflight(http: httpx.AsyncClient, origin: str) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": "PATCH"}
    return await http.options("/v1/config", headers=headers)
