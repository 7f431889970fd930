"""Every refusal is a problem document that says what is wrong and where."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import trio

from revaer.api.problems import explain_status
from revaer.session import messages as session
from tests.api.conftest import ADMIN, EXPIRED, READER, Running, StartApi
from tests.support.problem_documents import assert_problem

MAGNET = "magnet:?xt=urn:btih:" + "a" * 40
ID = "00000000-0000-7000-8000-000000000000"


async def raw(api: Running, request: bytes) -> bytes:
    """Everything that the server says to these bytes until it closes."""
    stream = await trio.open_tcp_stream("127.0.0.1", api.settings.port)
    async with stream:
        await stream.send_all(request)
        answer = b""
        with trio.fail_after(5):
            async for piece in stream:
                answer += piece
    return answer


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/v1/torrents/", 404, "not-found"),
        ("PUT", "/v1/torrents", 405, "method-not-allowed"),
        ("HEAD", "/v1/events", 405, None),
        ("GET", f"/v1/torrents/{ID}", 404, "not-found"),
        ("GET", "/v1/torrents/no-id", 400, "bad-request"),
        ("GET", "/v1/torrents?limit=0", 400, "bad-request"),
        ("GET", "/v1/torrents?limit=1001", 400, "bad-request"),
        ("GET", "/v1/torrents?sort=age", 400, "bad-request"),
        ("GET", "/v1/torrents?state=gone", 400, "bad-request"),
        ("GET", "/v1/torrents?fields=secret", 400, "bad-request"),
        ("GET", "/v1/torrents?cursor=rubbish", 400, "bad-request"),
        ("GET", "/v1/torrents?unknown=1", 400, "bad-request"),
        ("GET", "/v1/torrents?limit=5&limit=6", 400, "bad-request"),
        ("GET", "/v1/torrents?tags=a,,b", 400, "bad-request"),
        ("GET", "/v1/events?event=explosion", 400, "bad-request"),
        ("GET", "/v1/events?torrent=x", 400, "bad-request"),
        ("GET", "/v1/events?state=x", 400, "bad-request"),
        ("DELETE", f"/v1/torrents/{ID}?delete_data=maybe", 400, "bad-request"),
    ],
)
async def test_wrong_requests(api: Running, method: str, path: str, status: int, kind: str | None) -> None:
    answer = await api.http.request(method, path)
    assert answer.status_code == status
    if kind is not None:
        assert_problem(answer, status, kind)
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"unknown": 1}, "/unknown"),
        ({"private": True}, "/private"),
        ({"tags": ["a"] * 65}, "/tags"),
        ({"tags": ["a", "a"]}, "/tags"),
        ({"tags": ["x" * 129]}, "/tags/0"),
        ({"tags": "a"}, "/tags"),
        ({"include": ["*"] * 257}, "/include"),
        ({"exclude": ["x", "y" * 513]}, "/exclude/1"),
        ({"trackers": ["http://t/" + "x" * 512]}, "/trackers/0"),
        ({"trackers": ["ftp://t/x"]}, "/trackers/0"),
        ({"trackers": [f"http://t/{n}" for n in range(257)]}, "/trackers"),
        ({"web_seeds": ["nonsense"]}, "/web_seeds/0"),
        ({"max_download_bps": -1}, "/max_download_bps"),
        ({"max_download_bps": 2**31}, "/max_download_bps"),
        ({"max_download_bps": "5"}, "/max_download_bps"),
        ({"max_download_bps": True}, "/max_download_bps"),
        ({"max_download_bps": 1.5}, "/max_download_bps"),
        ({"seed_ratio_limit": -0.5}, "/seed_ratio_limit"),
        ({"seed_ratio_limit": "2"}, "/seed_ratio_limit"),
        ({"seed_ratio_limit": True}, "/seed_ratio_limit"),
        ({"start_paused": "yes"}, "/start_paused"),
        ({"storage_mode": "magic"}, "/storage_mode"),
        ({"download_dir": "relative"}, "/download_dir"),
        ({"download_dir": "/etc"}, "/download_dir"),
        ({"download_dir": "/srv/../etc"}, "/download_dir"),
        ({"name": "a/b"}, "/name"),
        ({"name": "x" * 256}, "/name"),
        ({"name": "a\u0000b"}, "/name"),
        ({"id": "x"}, "/id"),
        ({"priorities": {"x": "high"}}, "/priorities/x"),
        ({"priorities": {"1": "urgent"}}, "/priorities/1"),
        ({"magnet": "http://x"}, "/magnet"),
        ({"magnet": "magnet:?" + "x" * 9000}, "/magnet"),
        ({"metainfo": "AAAA"}, "/metainfo"),
        ({"magnet": None, "metainfo": "not base64!"}, "/metainfo"),
    ],
)
async def test_wrong_values_of_an_add(api: Running, change: Mapping[str, Any], pointer: str) -> None:
    answer = await api.http.post("/v1/torrents", json={"magnet": MAGNET, **change})
    assert_problem(answer, 422, "validation", pointer)
    assert api.catalogue.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"magnet": "a", "magnet": "b"}',
        b'{"seed_ratio_limit": NaN}',
        b'{"seed_ratio_limit": Infinity}',
        b'{"queue_position": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name": "\xff"}',
        b'{"\\ud800": 1}',
    ],
)
async def test_broken_json(api: Running, body: bytes) -> None:
    answer = await api.http.post("/v1/torrents", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, 400, "bad-request")


async def test_numbers_out_of_the_world_are_refused(api: Running) -> None:
    body = b'{"magnet": "%s", "seed_ratio_limit": 1e999}' % MAGNET.encode()
    answer = await api.http.post("/v1/torrents", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, 422, "validation", "/seed_ratio_limit")


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"x"'])
async def test_a_body_that_is_no_object(api: Running, body: bytes) -> None:
    answer = await api.http.post("/v1/torrents", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, 422, "validation")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=latin-1", ""])
async def test_other_media_types(api: Running, content_type: str) -> None:
    answer = await api.http.post("/v1/torrents", content=b"{}", headers={"content-type": content_type})
    assert_problem(answer, 415, "unsupported-media-type")


async def test_too_large_bodies_and_metainfo(api: Running) -> None:
    large = base64.b64encode(bytes(10 * 1024 * 1024 + 1)).decode()
    answer = await api.http.post("/v1/torrents", json={"metainfo": large})
    assert_problem(answer, 413, "payload-too-large", "/metainfo")
    answer = await api.http.post(
        "/v1/torrents", content=b" " * (16 * 1024 * 1024 + 1), headers={"content-type": "application/json"}
    )
    assert_problem(answer, 413, "payload-too-large")

    async def endless() -> Any:
        for _ in range(17 * 16):
            yield b" " * 65536

    headers = {"content-type": "application/json"}
    assert_problem(await api.http.post("/v1/torrents", content=endless(), headers=headers), 413, "payload-too-large")
    files = {"file": ("a.torrent", bytes(10 * 1024 * 1024 + 1))}
    assert_problem(await api.http.post("/v1/torrents", files=files), 413, "payload-too-large")
    files = {"file": ("a.torrent", bytes(32 * 1024 * 1024 + 1))}
    assert_problem(await api.http.post("/v1/torrents", files=files), 413, "payload-too-large")


@pytest.mark.parametrize(
    ("files", "data"),
    [
        ([("a", ("a", b"x")), ("b", ("b", b"y"))], {}),
        ([("a", ("a", b"x"))], {"skip_fluff": "perhaps"}),
        ([("a", ("a", b"x"))], {"options": "[]"}),
        ([("a", ("a", b"x"))], {"options": "{}", "name": "x"}),
    ],
)
async def test_broken_forms(api: Running, files: Any, data: Any) -> None:
    assert_problem(await api.http.post("/v1/torrents", files=files, data=data), 400, "bad-request")


async def test_cut_off_form(api: Running) -> None:
    headers = {"content-type": "multipart/form-data; boundary=xyz"}
    answer = await api.http.post(
        "/v1/torrents", content=b'--xyz\r\nContent-Disposition: form-data; name="a', headers=headers
    )
    assert_problem(answer, 400, "bad-request")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/type"),
        ({"type": "explode"}, "/type"),
        ({"type": "pause", "more": 1}, "/more"),
        ({"type": "sequential"}, "/enable"),
        ({"type": "rate"}, ""),
        ({"type": "rate", "download_bps": -1}, "/download_bps"),
        ({"type": "move", "download_dir": "/etc"}, "/download_dir"),
    ],
)
async def test_wrong_actions(api: Running, body: Mapping[str, Any], pointer: str) -> None:
    torrent_id = next(iter(api.catalogue.views))
    answer = await api.http.post(f"/v1/torrents/{torrent_id}/action", json=body)
    assert_problem(answer, 422, "validation", pointer)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (session.InvalidSource("/magnet", "no hash"), 422, "validation"),
        (session.ActionRefused("not now"), 409, "conflict"),
        (session.SessionUnavailable("the database is away"), 503, "service-unavailable"),
    ],
)
async def test_refusals_of_the_session(api: Running, error: Exception, status: int, kind: str) -> None:
    api.catalogue.refuse.append(error)
    answer = await api.http.post("/v1/torrents", json={"magnet": MAGNET})
    assert_problem(answer, status, kind)
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1


async def test_torrent_that_went_meanwhile_is_not_found(api: Running) -> None:
    api.catalogue.refuse.append(session.UnknownTorrent("x"))
    torrent_id = next(iter(api.catalogue.views))
    answer = await api.http.post(f"/v1/torrents/{torrent_id}/action", json={"type": "pause"})
    assert_problem(answer, 404, "not-found")


async def test_known_info_hash_names_the_torrent_that_is_here(api: Running) -> None:
    existing = next(iter(api.catalogue.views))
    api.catalogue.refuse.append(session.DuplicateTorrent(existing, "a" * 40))
    document = assert_problem(await api.http.post("/v1/torrents", json={"magnet": MAGNET}), 409, "conflict")
    assert document["context"]["id"] == existing


async def test_full_mailbox_is_service_unavailable(api: Running) -> None:
    api.session.mailbox.capacity = 0
    answer = await api.http.post("/v1/torrents", json={"magnet": MAGNET})
    assert_problem(answer, 503, "service-unavailable")
    assert "retry-after" in answer.headers


async def test_crash_of_the_session_answers_its_askers_at_once(api: Running) -> None:
    api.catalogue.hold = trio.Event()
    answers: list[httpx.Response] = []

    async def add() -> None:
        answers.append(await api.http.post("/v1/torrents", json={"magnet": MAGNET}))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(add)
        while not api.catalogue.requests:
            await trio.lowlevel.checkpoint()
        api.supervisor.crash("session", RuntimeError("secret inside"))
    document = assert_problem(answers[0], 503, "service-unavailable")
    assert "secret" not in str(document)


async def test_unforeseen_error_is_internal_and_leaks_nothing(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("revaer.api.torrents._rows", broken)
    answer = await api.http.get("/v1/torrents")
    assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "unauthorized"),
        ({"x-revaer-api-key": "nonsense"}, 401, "unauthorized"),
        ({"x-revaer-api-key": f"{ADMIN.key_id}:wrongwrongwrong"}, 401, "unauthorized"),
        ({"x-revaer-api-key": "unknown:wrongwrongwrong"}, 401, "unauthorized"),
        ({"x-revaer-api-key": str(EXPIRED)}, 401, "unauthorized"),
        ({"authorization": "Basic xyz"}, 401, "unauthorized"),
        ({"x-revaer-api-key": str(READER)}, 403, "forbidden"),
        ({"authorization": f"Bearer {READER}"}, 403, "forbidden"),
    ],
)
async def test_keys_that_do_not_open(start_api: StartApi, headers: Mapping[str, str], status: int, kind: str) -> None:
    async with start_api(key=None) as api:
        answer = await api.http.post("/v1/torrents", json={"magnet": MAGNET}, headers=headers)
        assert_problem(answer, status, kind)
        assert api.catalogue.requests == []


async def test_guessing_is_throttled_but_a_known_key_still_opens(api: Running) -> None:
    assert (await api.http.get("/v1/torrents")).status_code == 200
    wrong = {"x-revaer-api-key": "nonsense"}
    answers = [await api.http.get("/v1/torrents", headers=wrong) for _ in range(12)]
    assert_problem(answers[-1], 429, "rate-limited")
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await api.http.get("/v1/torrents")).status_code == 200
    metrics = (await api.http.get("/metrics")).text
    assert "revaer_auth_failures_total 12.0" in metrics
    assert "revaer_rate_limited_total 0.0" in metrics, "no key makes too many calls"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7070", "10.1.2.3"])
async def test_unknown_host_is_refused(api: Running, host: str) -> None:
    assert_problem(await api.http.get("/health", headers={"host": host}), 403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:7070", "NAS.example"])
async def test_known_hosts_pass(start_api: StartApi, host: str) -> None:
    async with start_api(allowed_hosts=("nas.example",)) as api:
        assert (await api.http.get("/health", headers={"host": host})).status_code == 200


async def test_long_header_is_refused(api: Running) -> None:
    answer = await api.http.get("/health", headers={"x-long": "x" * 9000})
    assert_problem(answer, 400, "bad-request", "/header/x-long")


async def test_setup_is_required_before_anything_else(start_api: StartApi) -> None:
    async with start_api(mode="setup") as api:
        assert_problem(await api.http.get("/v1/torrents"), 409, "setup-required")
        assert (await api.http.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 70_000,
        b"POST /v1/torrents HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n",
    ],
)
async def test_broken_http_is_explained_too(api: Running, request_bytes: bytes) -> None:
    answer = await raw(api, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"https://revaer.dev/problems/bad-request" in answer


async def test_websocket_is_refused_with_a_problem(api: Running) -> None:
    head = b"GET /v1/events/ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    valid = head + b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    answer = await raw(api, valid)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"application/problem+json" in answer
    assert b"application/problem+json" in await raw(api, head + b"\r\n")


def test_a_handler_that_ends_without_an_answer_means_come_again() -> None:
    problem = explain_status(500)
    assert (problem.status, problem.headers) == (503, {"retry-after": "1"})
    assert (explain_status(431).status, explain_status(501).status) == (400, 400)
