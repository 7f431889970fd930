"""The listener moves with the configuration: to other ports and addresses, to TLS and back; nothing under way ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import trio

from revaer.api.call import Call
from revaer.api.errors import NotOnNode, SetupTokenMissing
from revaer.api.server import HttpServer
from revaer.api.settings import ApiSettings
from revaer.api.setup_routes import complete_setup
from revaer.api.standing import Standing
from tests.api.conftest import ADMIN, READER, make_view
from tests.api.control.conftest import StartNode
from tests.api.control.test_ended_streams import listening
from tests.support.certificates import make_certificate
from tests.support.frame_reader import Reader
from tests.support.problem_documents import assert_problem
from tests.support.waiting import eventually


def free_port() -> int:
    """A port that nobody listens on, for the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def app(**fields: Any) -> dict[str, Any]:
    return {"app_profile": fields}


async def _never() -> Any:
    await trio.sleep_forever()


@pytest.fixture
def start(start_node: StartNode) -> StartNode:
    """Start a node whose port the configuration decides."""

    def starting(**options: Any) -> Any:
        return start_node(**{"http_port": None, "documents": app(http_port=0), **options})

    return starting


async def refused(port: int, host: str = "127.0.0.1") -> bool:
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError:
        return True
    await stream.aclose()
    return False


class TestPorts:
    async def test_it_answers_at_the_new_port_when_the_change_is_answered(self, start: StartNode) -> None:
        async with start() as node:
            old, port = node.port, free_port()
            answer = await node.http.patch("/v1/config", json=app(http_port=port))
            document = answer.json()
            assert document["rebind"] is True
            assert document["listener"] == {"url": f"http://127.0.0.1:{port}"}
            assert answer.headers["connection"] == "close"
            assert node.moved == [f"http://127.0.0.1:{port}"]
            assert (await node.client(ADMIN).get("/v1/config")).status_code == 200
            assert await refused(old)

    async def test_streams_go_on_at_the_old_one(self, start: StartNode) -> None:
        async with start() as node, listening(node) as reader:
            assert (await node.http.patch("/v1/config", json=app(http_port=free_port()))).json()["rebind"] is True
            node.catalogue.add(make_view(5))
            assert (await reader.event())["event"] == "torrent_added"
            fresh = node.client(ADMIN)
            assert (await fresh.delete(f"/v1/keys/{READER.key_id}")).status_code == 204
            assert (await reader.event())["event"] == "closing"

    async def test_a_request_under_way_ends_well_and_idle_connections_end(self, start: StartNode) -> None:
        async with start() as node:
            node.ledger.hold = trio.Event()
            slow, idle = node.client(ADMIN), await trio.open_tcp_stream("127.0.0.1", node.port)
            answers: list[httpx.Response] = []

            async def change() -> None:
                answers.append(await slow.patch("/v1/config", json={"engine_profile": {"dht": False}}))

            async with idle, trio.open_nursery() as nursery:
                await idle.send_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert (await idle.receive_some(1000)).startswith(b"HTTP/1.1 200")
                nursery.start_soon(change)
                await eventually(lambda: node.ledger.changes, "the change is asked for")
                hold, node.ledger.hold = node.ledger.hold, None
                node.ledger.put(app(http_port=free_port()))
                await eventually(lambda: node.moved, "the listener has moved")
                with trio.fail_after(5):
                    assert await idle.receive_some(1000) == b""
                hold.set()
            assert answers[0].status_code == 200
            assert answers[0].headers["connection"] == "close"

    async def test_a_change_from_elsewhere_moves_it_too(self, start: StartNode) -> None:
        async with start() as node:
            port = free_port()
            node.ledger.put(app(http_port=port))
            await eventually(lambda: node.port == port, "it listens there")
            assert (await node.client(ADMIN).get("/v1/config")).status_code == 200

    async def test_a_taken_port_leaves_it_where_it_is_and_is_told(
        self, start: StartNode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("revaer.api.listening.RETRY_SECONDS", 0.05)
        async with start() as node:
            old = node.url
            with taken_port() as port:
                document = (await node.http.patch("/v1/config", json=app(http_port=port))).json()
                assert (document["rebind"], document["listener"]["url"]) == (True, old)
                assert "taken" in document["listener"]["problem"]
                health = (await node.http.get("/health/full")).json()["components"]["api"]
                assert health["state"] == "degraded"
                assert f"still at {old}" in health["reason"]
                assert node.moved == []
            await eventually(lambda: node.port == port, "it moves once the port is free")
            assert node.moved == [f"http://127.0.0.1:{port}"]
            http = node.client(ADMIN)

            async def well() -> bool:
                return bool((await http.get("/health/full")).json()["components"]["api"]["state"] == "up")

            await eventually(well, "health is good again")

    async def test_back_and_forth(self, start: StartNode) -> None:
        async with start() as node:
            first, second = node.port, free_port()
            for port in (second, first, second):
                http = node.client(ADMIN)
                assert (await http.patch("/v1/config", json=app(http_port=port))).status_code == 200
                assert node.port == port

    async def test_a_restarted_api_listens_where_it_should(self, start: StartNode) -> None:
        async with start() as node:
            kept = node.port
            node.supervisor.crash("api", RuntimeError("on purpose"))
            await eventually(lambda: len(node.actors) == 2 and node.actors[1].bound_url, "a new generation listens")
            assert node.port == kept, "any port will do, so it keeps its own"
            port = free_port()
            assert (await node.client(ADMIN).patch("/v1/config", json=app(http_port=port))).status_code == 200
            node.supervisor.crash("api", RuntimeError("on purpose"))
            await eventually(lambda: len(node.actors) == 3 and node.actors[2].bound_url, "a new generation listens")
            assert node.port == port

    @pytest.mark.parametrize("is_new_address", [True, False])
    async def test_a_stop_during_a_move_leaves_nobody_listening(
        self, is_new_address: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listen, opened = trio.open_tcp_listeners, []
        server = HttpServer(cast(Any, None))

        async def stopping_meanwhile(*args: Any, **options: Any) -> list[trio.SocketListener]:
            opened.extend(await listen(*args, **options))
            await server.refuse_more()
            return opened

        if is_new_address:
            await server.open("127.0.0.1", 0)
        monkeypatch.setattr(trio, "open_tcp_listeners", stopping_meanwhile)
        await server.move("127.0.0.2", 0)
        assert [listener.socket.fileno() for listener in opened] == [-1]


class TestAddresses:
    async def test_an_address_that_includes_the_old_one(self, start: StartNode) -> None:
        async with start() as node:
            port = node.port
            document = (await node.http.patch("/v1/config", json=app(bind_addr="0.0.0.0"))).json()
            assert document["listener"] == {"url": f"http://127.0.0.1:{port}"}
            assert not await refused(port, "127.0.0.2")
            back = (await node.client(ADMIN).patch("/v1/config", json=app(bind_addr="127.0.0.1"))).json()
            assert back["listener"] == {"url": f"http://127.0.0.1:{port}"}
            assert await refused(port, "127.0.0.2")

    async def test_an_address_that_this_host_has_not(self, start: StartNode) -> None:
        async with start() as node:
            document = (await node.http.patch("/v1/config", json=app(bind_addr="203.0.113.1"))).json()
            assert "no such address" in document["listener"]["problem"]
            assert (await node.http.get("/v1/config")).status_code == 200
            back = (await node.http.patch("/v1/config", json=app(bind_addr="127.0.0.1"))).json()
            assert "problem" not in back["listener"]

    async def test_an_address_where_the_port_is_somebody_else_s(self, start: StartNode) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.listen()
            taken = int(other.getsockname()[1])
            async with start(documents=app(http_port=taken)) as node:
                document = (await node.http.patch("/v1/config", json=app(bind_addr="127.0.0.2"))).json()
                assert "taken" in document["listener"]["problem"]
                assert not await refused(taken, "127.0.0.1"), "it came back to where it was"
                assert (await node.client(ADMIN).get("/v1/config")).status_code == 200

    async def test_any_port_will_do_at_an_address_where_the_old_one_is_taken(self, start: StartNode) -> None:
        async with start() as node:
            with socket.socket() as other:
                other.bind(("127.0.0.2", node.port))
                other.listen()
                document = (await node.http.patch("/v1/config", json=app(bind_addr="127.0.0.2"))).json()
                assert document["listener"]["url"].startswith("http://127.0.0.2:")
                assert "problem" not in document["listener"]

    async def test_an_interface_by_its_name(self, start: StartNode) -> None:
        async with start() as node:
            document = (await node.http.patch("/v1/config", json=app(bind_addr="lo"))).json()
            assert document["listener"] == {"url": node.url}
            assert node.moved == []
            gone = (await node.http.patch("/v1/config", json=app(bind_addr="nosuch0"))).json()
            assert "problem" in gone["listener"]


class TestSetup:
    async def test_the_setup_is_on_loopback_whatever_is_configured(self, start: StartNode) -> None:
        documents = app(http_port=0, bind_addr="0.0.0.0")
        async with start(mode="setup", http_port=0, documents=documents, key=None) as node:
            assert await refused(node.port, "127.0.0.2")
            token = (await node.http.post("/admin/setup/start")).json()["token"]
            answer = await node.http.post("/admin/setup/complete", json={}, headers={"x-revaer-setup-token": token})
            assert answer.json()["snapshot"]["rebind"] is True
            assert not await refused(node.port, "127.0.0.2")
            http = node.client(answer.json()["api_key"])
            assert (await http.post("/admin/factory-reset", json={"confirm": "factory reset"})).status_code == 200
            assert await refused(node.port, "127.0.0.2")

    async def test_without_a_configuration_too(self, start_node: StartNode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("revaer.api.actor.FIRST_CONFIG_SECONDS", 0.01)
        async with start_node(mode="setup", without_config=True, bind="0.0.0.0") as node:
            assert node.url.startswith("http://127.0.0.1:")
            assert await refused(node.port, "127.0.0.2")

    @pytest.mark.parametrize(("address", "refused_there"), [("203.0.113.1", True), ("127.0.0.1", False)])
    async def test_a_connection_to_an_outer_address_completes_no_setup(self, address: str, refused_there: bool) -> None:
        """One from before may still be open when the node goes back to its setup."""
        head = {"method": "POST", "path": "/admin/setup/complete", "query_string": b"", "headers": []}
        scope: Any = {**head, "client": ("203.0.113.9", 1), "server": (address, 80)}
        call = Call(scope, _never)
        services: Any = SimpleNamespace(standing=Standing(ApiSettings(Path("/srv")), "setup"))
        with pytest.raises(NotOnNode if refused_there else SetupTokenMissing):
            await complete_setup(call, services)


class TestCertificates:
    async def test_tls_on_another_one_and_off_again(self, start: StartNode, tmp_path: Path) -> None:
        first, second = make_certificate(tmp_path, "first"), make_certificate(tmp_path, "second")
        async with start() as node, listening(node) as reader:
            port = node.port
            document = (await node.http.patch("/v1/config", json=app(tls=first._asdict()))).json()
            assert document["listener"] == {"url": f"https://127.0.0.1:{port}"}
            secure = node.client(ADMIN, verify=first.trusting())
            assert (await secure.get("/v1/config")).status_code == 200
            with pytest.raises(httpx.TransportError):
                await node.client(ADMIN, url=f"http://127.0.0.1:{port}").get("/v1/config")
            with pytest.raises(httpx.TransportError):
                await node.client(ADMIN, verify=second.trusting()).get("/v1/config")
            assert (await secure.patch("/v1/config", json=app(tls=second._asdict()))).json()["rebind"] is True
            other = node.client(ADMIN, verify=second.trusting())
            assert (await other.patch("/v1/config", json=app(tls=None))).json()["listener"]["url"].startswith("http:")
            assert (await node.client(ADMIN).get("/v1/config")).status_code == 200
            node.catalogue.add(make_view(5))
            assert (await reader.event())["event"] == "torrent_added", "a stream from before goes on"

    async def test_streams_and_large_answers_over_tls(self, start: StartNode, tmp_path: Path) -> None:
        made = make_certificate(tmp_path)
        async with start(documents=app(http_port=0, tls=made._asdict()), views=900, key=None) as node:
            assert node.url.startswith("https://")
            http = node.client(ADMIN, verify=made.trusting())
            answer = await http.get("/v1/torrents", params={"limit": 1000})
            assert len(answer.json()["torrents"]) == 900
            stream = await trio.open_ssl_over_tcp_stream(
                "127.0.0.1", node.port, https_compatible=True, ssl_context=made.trusting()
            )
            async with stream:
                reader = Reader(stream)
                await reader.open("/v1/events", {"host": "localhost", "x-revaer-api-key": str(READER)})
                node.catalogue.add(make_view(950))
                assert (await reader.event())["event"] == "torrent_added"

    async def test_a_client_that_never_shakes_hands_holds_nobody_up(self, start: StartNode, tmp_path: Path) -> None:
        made = make_certificate(tmp_path)
        rules = app(http_port=0, tls=made._asdict())
        async with start(documents=rules, key=None) as node, await trio.open_tcp_stream("127.0.0.1", node.port) as mute:
            await mute.send_all(b"\x16")
            http = node.client(ADMIN, verify=made.trusting())
            assert (await http.get("/v1/config")).status_code == 200
            began = trio.current_time()
            node.supervisor.stop()
            await node.stopped.wait()
            assert trio.current_time() - began < 4.0

    async def test_files_that_are_no_certificate_are_refused_with_their_field(
        self, start: StartNode, tmp_path: Path
    ) -> None:
        good, other = make_certificate(tmp_path, "good"), make_certificate(tmp_path, "other")
        locked = make_certificate(tmp_path, "locked", passphrase=b"planted-secret")
        rubbish = tmp_path / "rubbish.pem"
        rubbish.write_text("rubbish")
        cases: list[tuple[dict[str, str], str]] = [
            ({"cert_file": str(tmp_path / "gone"), "key_file": good.key_file}, "cert_file"),
            ({"cert_file": good.cert_file, "key_file": str(tmp_path / "gone")}, "key_file"),
            ({"cert_file": str(tmp_path), "key_file": good.key_file}, "cert_file"),
            ({"cert_file": str(rubbish), "key_file": good.key_file}, "cert_file"),
            ({"cert_file": good.cert_file, "key_file": str(rubbish)}, "key_file"),
            ({"cert_file": good.cert_file, "key_file": other.key_file}, "key_file"),
            ({"cert_file": good.cert_file, "key_file": good.cert_file}, "key_file"),
            ({"cert_file": good.key_file, "key_file": good.key_file}, "cert_file"),
            ({"cert_file": locked.cert_file, "key_file": locked.key_file}, "key_file"),
        ]
        async with start() as node:
            before = node.ledger.revision
            for files, field in cases:
                for method, path in (("PATCH", "/v1/config"), ("POST", "/v1/config/validate")):
                    answer = await node.http.request(method, path, json=app(tls=files))
                    assert_problem(answer, 422, "config-invalid", f"/app_profile/tls/{field}")
            patch = app(tls=cases[0][0]) | {"engine_profile": {"unknown": 1}}
            answer = await node.http.patch("/v1/config", json=patch)
            assert_problem(answer, 422, "config-invalid", "/engine_profile/unknown")
            assert_problem(answer, 422, "config-invalid", "/app_profile/tls/cert_file")
            assert node.ledger.revision == before

    async def test_one_file_of_two_is_tried_with_the_other(self, start: StartNode, tmp_path: Path) -> None:
        made, other = make_certificate(tmp_path, "made"), make_certificate(tmp_path, "other")
        async with start(documents=app(http_port=0, tls=made._asdict()), key=None) as node:
            http = node.client(ADMIN, verify=made.trusting())
            answer = await http.patch("/v1/config", json=app(tls={"key_file": other.key_file}))
            assert_problem(answer, 422, "config-invalid", "/app_profile/tls/key_file")

    async def test_files_that_went_bad_leave_the_listener_and_degrade_health(
        self, start: StartNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("revaer.api.listening.RETRY_SECONDS", 0.05)
        made = make_certificate(tmp_path)
        key, aside = trio.Path(made.key_file), trio.Path(tmp_path / "aside")
        await key.rename(aside)
        async with start() as node:
            old = node.url
            node.ledger.put(app(tls=made._asdict()))

            async def reason() -> str:
                return str((await node.http.get("/health/full")).json()["components"]["api"]["reason"])

            async def told() -> bool:
                return "key_file" in await reason()

            await eventually(told, "health says why")
            assert node.url == old
            await aside.rename(key)
            await eventually(lambda: node.url.startswith("https:"), "it takes the certificate up")

    async def test_a_start_without_a_usable_certificate_serves_this_host_only(
        self, start: StartNode, tmp_path: Path
    ) -> None:
        tls = {"cert_file": str(tmp_path / "gone"), "key_file": str(tmp_path / "gone")}
        async with start(documents=app(http_port=0, bind_addr="0.0.0.0", tls=tls)) as node:
            assert node.url.startswith("http://127.0.0.1:")
            assert await refused(node.port, "127.0.0.2"), "never in plain HTTP to others"
            document = (await node.http.get("/health/full")).json()
            assert document["components"]["api"]["state"] == "degraded"
            mended = await node.http.patch("/v1/config", json=app(tls=None))
            assert mended.json()["listener"] == {"url": node.url}

    async def test_a_renewed_certificate_is_taken_up_by_itself(
        self, start: StartNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("revaer.api.listening.RENEWAL_SECONDS", 0.05)
        made = make_certificate(tmp_path)
        async with start(documents=app(http_port=0, tls=made._asdict()), key=None) as node:
            old = made.trusting()
            assert (await node.client(ADMIN, verify=old).get("/v1/config")).status_code == 200
            fresh = make_certificate(tmp_path).trusting()

            async def renewed() -> bool:
                try:
                    return (await node.client(ADMIN, verify=fresh).get("/v1/config")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(renewed, "the new certificate is shown")
