"""Every limit of the contract: what lies at it is taken, what lies beyond is refused, and nothing is clamped."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from revaer.api.settings import (
    BULK,
    FILTER_IDS,
    GLOB_CHARS,
    GLOBS,
    HEADER_BYTES,
    JSON_BYTES,
    MAGNET_BYTES,
    METAINFO_BYTES,
    MULTIPART_BYTES,
    PAGE_DEFAULT,
    PAGE_MAX,
    STREAMS_PER_KEY,
    TAG_CHARS,
    TAGS,
    TRACKERS,
    URL_CHARS,
)
from revaer.types import TorrentState, new_torrent_id
from tests.api.conftest import ADMIN, Running, StartApi, make_view
from tests.api.test_forms import TYPE, form, part
from tests.api.test_streams import reading
from tests.support.problem_documents import assert_problem
from tests.support.web_socket import connected, refusal

MAGNET = f"magnet:?xt=urn:btih:{'a' * 40}"
MIB = 1024 * 1024


def test_the_limits_are_those_of_the_contract() -> None:
    assert (METAINFO_BYTES, MAGNET_BYTES) == (10 * MIB, 8 * 1024)
    assert (JSON_BYTES, MULTIPART_BYTES) == (16 * MIB, 32 * MIB)
    assert (GLOBS, GLOB_CHARS, TAGS, TAG_CHARS) == (256, 512, 64, 128)
    assert (TRACKERS, URL_CHARS) == (256, 512)
    assert (PAGE_MAX, PAGE_DEFAULT, HEADER_BYTES) == (1000, 50, 8 * 1024)
    assert (BULK, STREAMS_PER_KEY, FILTER_IDS) == (1000, 32, 1000)


async def add(api: Running, **body: Any) -> httpx.Response:
    """POST /v1/torrents."""
    source = {} if "metainfo" in body or "magnet" in body else {"magnet": MAGNET}
    return await api.http.post("/v1/torrents", json={**source, **body})


def url(length: int) -> str:
    """An address of so many characters."""
    return "http://tracker.example/".ljust(length, "x")


def numbered(count: int) -> list[str]:
    """So many addresses."""
    return [f"http://tracker.example/{number}" for number in range(count)]


@pytest.mark.parametrize(
    ("at", "beyond", "pointer"),
    [
        ({"magnet": MAGNET.ljust(MAGNET_BYTES, "&")}, {"magnet": MAGNET.ljust(MAGNET_BYTES + 1, "&")}, "/magnet"),
        ({"include": ["*"] * GLOBS}, {"include": ["*"] * (GLOBS + 1)}, "/include"),
        ({"exclude": ["x"] * GLOBS}, {"exclude": ["x"] * (GLOBS + 1)}, "/exclude"),
        ({"include": ["x" * GLOB_CHARS]}, {"include": ["x" * (GLOB_CHARS + 1)]}, "/include/0"),
        ({"exclude": ["x" * GLOB_CHARS]}, {"exclude": ["x" * (GLOB_CHARS + 1)]}, "/exclude/0"),
        ({"tags": [f"t{n}" for n in range(TAGS)]}, {"tags": [f"t{n}" for n in range(TAGS + 1)]}, "/tags"),
        ({"tags": ["x" * TAG_CHARS]}, {"tags": ["x" * (TAG_CHARS + 1)]}, "/tags/0"),
        ({"category": "x" * TAG_CHARS}, {"category": "x" * (TAG_CHARS + 1)}, "/category"),
        ({"trackers": numbered(TRACKERS)}, {"trackers": numbered(TRACKERS + 1)}, "/trackers"),
        ({"trackers": [url(URL_CHARS)]}, {"trackers": [url(URL_CHARS + 1)]}, "/trackers/0"),
        ({"web_seeds": [url(URL_CHARS)]}, {"web_seeds": [url(URL_CHARS + 1)]}, "/web_seeds/0"),
    ],
)
async def test_what_an_add_may_say(api: Running, at: dict[str, Any], beyond: dict[str, Any], pointer: str) -> None:
    taken = await add(api, **at)
    assert taken.status_code == 201, taken.text
    assert_problem(await add(api, **beyond), 422, "validation", pointer)
    assert len(api.catalogue.requests) == 1


async def test_a_magnet_counts_in_bytes(api: Running) -> None:
    letters = (MAGNET_BYTES - len(MAGNET) - len("&dn=")) // 2
    assert (await add(api, magnet=MAGNET + "&dn=" + "\u00e9" * letters)).status_code == 201
    refused = await add(api, magnet=MAGNET + "&dn=" + "\u00e9" * (letters + 1))
    assert_problem(refused, 422, "validation", "/magnet")


async def test_metainfo_as_base64(api: Running) -> None:
    taken = await add(api, metainfo=base64.b64encode(bytes(METAINFO_BYTES)).decode())
    assert taken.status_code == 201
    assert len(api.catalogue.requests[-1].metainfo) == METAINFO_BYTES
    refused = await add(api, metainfo=base64.b64encode(bytes(METAINFO_BYTES + 1)).decode())
    assert assert_problem(refused, 413, "payload-too-large", "/metainfo")["context"] == {"limit": METAINFO_BYTES}


async def test_metainfo_as_a_file(api: Running) -> None:
    taken, refused = [
        await api.http.post("/v1/torrents", files={"metainfo": ("a.torrent", bytes(METAINFO_BYTES + beyond))})
        for beyond in (0, 1)
    ]
    assert taken.status_code == 201, taken.text
    assert assert_problem(refused, 413, "payload-too-large", "/metainfo")["context"] == {"limit": METAINFO_BYTES}


@pytest.mark.parametrize("announced", [True, False])
async def test_a_json_body(api: Running, announced: bool) -> None:
    body = json.dumps({"magnet": MAGNET}).encode()
    taken, refused = [
        await post(api, body.ljust(JSON_BYTES + beyond), "application/json", announced=announced) for beyond in (0, 1)
    ]
    assert taken.status_code == 201, taken.text
    assert assert_problem(refused, 413, "payload-too-large")["context"] == {"limit": JSON_BYTES}


@pytest.mark.parametrize("announced", [True, False])
async def test_a_multipart_body(api: Running, announced: bool) -> None:
    """Of its parts none is too large; together they are."""
    whole = form(
        part("metainfo", bytes(METAINFO_BYTES), filename="a"), part("options", b" " * (JSON_BYTES - 4) + b"{}")
    )
    # What follows the end of a form is no part of it, but counts.
    for size in (len(whole), MULTIPART_BYTES):
        answer = await post(api, whole.ljust(size, b"\n"), TYPE, announced=announced)
        assert answer.status_code == 201, answer.text[:200]
    refused = await post(api, whole.ljust(MULTIPART_BYTES + 1, b"\n"), TYPE, announced=announced)
    assert assert_problem(refused, 413, "payload-too-large")["context"] == {"limit": MULTIPART_BYTES}


async def test_a_multipart_body_of_many_fields(api: Running) -> None:
    fields = [part(f"f{number}", b"x" * MIB) for number in range(15)]
    answer = await post(api, form(*fields, part("metainfo", bytes(METAINFO_BYTES))), TYPE, announced=False)
    assert_problem(answer, 422, "validation", "/f0")  # within every limit; the fields mean nothing
    answer = await post(api, form(*fields, *fields, part("metainfo", bytes(MIB))), TYPE, announced=False)
    assert_problem(answer, 413, "payload-too-large")


async def post(api: Running, body: bytes, content_type: str, *, announced: bool) -> httpx.Response:
    """POST /v1/torrents, with the length in the head or piece by piece."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 256 * 1024):
            yield body[start : start + 256 * 1024]

    content: Any = body if announced else pieces()
    return await api.http.post("/v1/torrents", content=content, headers={"content-type": content_type})


async def test_a_page(start_api: StartApi) -> None:
    async with start_api(views=PAGE_MAX + 1) as api:
        for limit, rows in ((1, 1), (PAGE_MAX, PAGE_MAX)):
            answer = await api.http.get("/v1/torrents", params={"limit": limit})
            assert len(answer.json()["torrents"]) == rows
        assert len((await api.http.get("/v1/torrents")).json()["torrents"]) == PAGE_DEFAULT
        for text in ("0", str(PAGE_MAX + 1), "-1", "1e3", "", "99999"):
            answer = await api.http.get("/v1/torrents", params={"limit": text})
            assert_problem(answer, 400, "bad-request", "/query/limit")


@pytest.mark.parametrize("path", ["/v1/fs/browse", "/v1/config/history", "/v1/fsops", "/v1/torrents/{id}/timeline"])
async def test_a_page_of_another_list(api: Running, path: str) -> None:
    path = path.replace("{id}", next(iter(api.catalogue.views)))
    for limit in ("0", str(PAGE_MAX + 1)):
        assert_problem(await api.http.get(path, params={"limit": limit}), 400, "bad-request", "/query/limit")


async def test_a_header_value(api: Running) -> None:
    taken, refused = [
        await api.http.get("/v1/torrents", headers={"x-note": "x" * (HEADER_BYTES + beyond)}) for beyond in (0, 1)
    ]
    assert taken.status_code == 200
    assert_problem(refused, 400, "bad-request", "/header/x-note")
    twice = [("x-note", "short"), ("x-note", "x" * (HEADER_BYTES + 1))]
    assert_problem(await api.http.get("/v1/torrents", headers=twice), 400, "bad-request", "/header/x-note")


@pytest.mark.parametrize(
    ("path", "key", "item"),
    [
        ("/v1/torrents/bulk", "torrents", lambda number: {"magnet": f"magnet:?xt=urn:btih:{number:040x}"}),
        ("/v1/torrents/actions", "ids", lambda number: f"{number:040x}"),
    ],
)
async def test_a_bulk_call(api: Running, path: str, key: str, item: Callable[[int], Any]) -> None:
    more = {"action": {"type": "pause"}} if key == "ids" else {}
    taken = await api.http.post(path, json={key: [item(number) for number in range(BULK)], **more})
    assert taken.status_code == 200, taken.text[:300]
    assert len(taken.json()["results"]) == BULK
    refused = await api.http.post(path, json={key: [item(number) for number in range(BULK + 1)], **more})
    assert_problem(refused, 422, "validation", f"/{key}")


async def test_streams_of_one_key(api: Running) -> None:
    """Both transports count together, and whoever leaves makes room."""
    async with AsyncExitStack() as stack:
        for _ in range(STREAMS_PER_KEY - 1):
            reader = await stack.enter_async_context(reading(api))
            await reader.frame()
        async with connected(api.settings.port, key=ADMIN):
            refused = await api.http.get("/v1/events")
            assert_problem(refused, 429, "rate-limited")
            assert int(refused.headers["retry-after"]) >= 1
            assert (await refusal(api.settings.port, key=ADMIN)).status == 429
        async with reading(api) as reader:
            await reader.frame()


async def test_ids_in_a_filter_of_events(api: Running) -> None:
    view = api.catalogue.add(make_view(70))
    others = [new_torrent_id() for _ in range(FILTER_IDS)]
    wanted = [*others[1:], view.id]
    async with reading(api, params={"torrent": ",".join(wanted)}) as reader:
        assert "retry" in await reader.frame()
        api.catalogue.add(make_view(71))
        api.catalogue.change_state(view.id, TorrentState.SEEDING)
        assert (await reader.event())["data"]["event"]["torrent_id"] == view.id
    refused = await api.http.get("/v1/events", params={"torrent": ",".join([*wanted, others[0]])})
    assert_problem(refused, 400, "bad-request", "/query/torrent")

    async with connected(api.settings.port, key=ADMIN) as socket:
        await socket.send({"op": "subscribe", "filter": {"torrent": wanted}})
        await socket.send({"op": "subscribe", "filter": {"torrent": [*wanted, others[0]]}})
        problem = (await socket.message("error"))["problem"]
        assert [param["pointer"] for param in problem["invalid_params"]] == ["/filter/torrent"]
        api.catalogue.change_state(view.id, TorrentState.STOPPED)
        assert (await socket.message("event"))["event"]["torrent_id"] == view.id


async def test_values_of_a_filter_of_a_list(api: Running) -> None:
    values = [f"t{number}" for number in range(FILTER_IDS + 1)]
    answer = await api.http.get("/v1/torrents", params={"tags": ",".join(values[:FILTER_IDS])})
    assert answer.status_code == 200
    refused = await api.http.get("/v1/torrents", params={"tags": ",".join(values)})
    assert_problem(refused, 400, "bad-request", "/query/tags")
