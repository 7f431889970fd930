"""POST /v1/torrents/create over the real authoring actor."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from actors import ActorRef, Bus, ChildSpec
from revaer.api import create_routes
from revaer.authoring.actor import AuthoringActor
from revaer.authoring.messages import AuthoringMessage, CreatedFile, CreatedTorrent, SkippedFile
from revaer.bencode import decode
from revaer.daemon.judging import judge
from revaer.events import Event
from revaer.selection import evaluate
from revaer.session.magnet import parse_magnet
from revaer.session.metainfo import parse_metainfo
from revaer.types import InfoHash
from tests.api.conftest import ADMIN, READER, Running, StartApi, open_api
from tests.api.once.conftest import RememberedAnswers
from tests.authoring.test_actor import Turnstile
from tests.support.problem_documents import assert_problem
from tests.support.streams import Envelopes, open_lines
from tests.support.torrents import make_torrent, payload, write_files
from tests.support.waiting import eventually

FILES = {"a.nfo": b"about", "film.mkv": payload(200_000)}


def authored(bus: Bus[Event]) -> tuple[Sequence[ChildSpec], Mapping[str, Any]]:
    """An authoring actor beside the API, which keeps answers too."""
    ref: ActorRef[AuthoringMessage] = ActorRef("authoring")
    child = ChildSpec(ref, lambda: AuthoringActor(bus=bus, select=evaluate, judge=judge, hashers=2))
    return [child], {"authoring": ref, "answers": RememberedAnswers()}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Running]:
    """An API that makes torrents of what is below `allowed`."""
    write_files(tmp_path / "allowed", FILES, name="Film")
    async with open_api(tmp_path / "downloads", allow_paths=(tmp_path / "allowed",), beside=authored) as running:
        yield running


def film(api: Running) -> str:
    """What torrents are made of."""
    return str(api.settings.allow_paths[0] / "Film")


async def create(api: Running, headers: Mapping[str, str] | None = None, **body: Any) -> httpx.Response:
    """POST /v1/torrents/create."""
    return await api.http.post("/v1/torrents/create", json={"root_path": film(api)} | body, headers=headers)


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
async def test_a_torrent_is_made(api: Running, version: str) -> None:
    answer = await create(api, format=version, piece_length=16384)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    metainfo = base64.b64decode(document.pop("metainfo"))
    assert metainfo == make_torrent(FILES, name="Film", version=version)  # type: ignore[arg-type]

    parsed = parse_metainfo(metainfo)
    magnet = parse_magnet(document.pop("magnet"))
    assert magnet.hashes == parsed.hashes
    assert magnet.name == "Film"
    hashes = {"info_hash_v1": parsed.hashes.v1, "info_hash_v2": parsed.hashes.v2}
    assert document == {
        "info_hash": parsed.hashes.primary,
        **{name: text for name, text in hashes.items() if text is not None},
        "name": "Film",
        "size": 200_005,
        "piece_length": 16384,
        "pieces": parsed.pieces,
        "files": [{"path": "a.nfo", "size_bytes": 5}, {"path": "film.mkv", "size_bytes": 200_000}],
        "skipped": [],
    }


async def test_v1_is_made_unless_asked_otherwise(api: Running) -> None:
    document = (await create(api)).json()
    assert "info_hash_v2" not in document
    assert document["info_hash"] == document["info_hash_v1"]


async def test_everything_may_be_asked_for(api: Running) -> None:
    answer = await create(
        api,
        trackers=["https://tracker.example/announce", "udp://tracker.example:6969"],
        web_seeds=["https://seed.example/files/"],
        include=["**"],
        exclude=["*.nfo"],
        skip_fluff=True,
        piece_length=32768,
        private=True,
        comment="about it",
        source="SITE",
        format="hybrid",
        creation_date="2026-01-31T13:00:00+01:00",
    )
    assert answer.status_code == 200, answer.text
    document = answer.json()
    metainfo: Any = decode(base64.b64decode(document["metainfo"]))
    assert document["skipped"] == [{"path": "a.nfo", "rule": "exclude: *.nfo"}]
    assert metainfo[b"creation date"] == 1_769_860_800
    assert (metainfo[b"info"][b"private"], metainfo[b"info"][b"source"]) == (1, b"SITE")
    assert metainfo[b"comment"] == b"about it"
    assert parse_magnet(document["magnet"]).trackers == (
        "https://tracker.example/announce",
        "udp://tracker.example:6969",
    )


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"root_path": None}, "/root_path"),
        ({"root_path": "relative"}, "/root_path"),
        ({"root_path": "/allowed/../etc"}, "/root_path"),
        ({"root_path": "/etc/passwd"}, "/root_path"),
        ({"root_path": "/nowhere"}, "/root_path"),
        ({"root_path": ""}, "/root_path"),
        ({"root_path": "/a\u0000b"}, "/root_path"),
        ({"private": True}, "/trackers"),
        ({"piece_length": 1}, "/piece_length"),
        ({"piece_length": 8192}, "/piece_length"),
        ({"piece_length": 33_554_432}, "/piece_length"),
        ({"piece_length": 49_152}, "/piece_length"),
        ({"piece_length": -16384}, "/piece_length"),
        ({"piece_length": True}, "/piece_length"),
        ({"piece_length": 16384.0}, "/piece_length"),
        ({"format": "v3"}, "/format"),
        ({"trackers": ["ftp://tracker.example"]}, "/trackers/0"),
        ({"trackers": ["http://a/"] * 2}, "/trackers"),
        ({"trackers": [f"http://t{number}/" for number in range(257)]}, "/trackers"),
        ({"web_seeds": ["udp://seed.example"]}, "/web_seeds/0"),
        ({"include": ["[a"]}, "/include/0"),
        ({"include": ["x" * 513]}, "/include/0"),
        ({"exclude": ["x"] * 257}, "/exclude"),
        ({"exclude": ["*"]}, "/root_path"),
        ({"comment": "x" * 4097}, "/comment"),
        ({"source": "x" * 129}, "/source"),
        ({"source": "a\nb"}, "/source"),
        ({"creation_date": "yesterday"}, "/creation_date"),
        ({"creation_date": "2026-01-31T12:00:00"}, "/creation_date"),
        ({"creation_date": "1969-12-31T23:59:59Z"}, "/creation_date"),
        ({"creation_date": 5}, "/creation_date"),
        ({"output_path": "/tmp/x.torrent"}, "/output_path"),
        ({"name": "x"}, "/name"),
    ],
)
async def test_what_is_refused(api: Running, body: dict[str, Any], pointer: str) -> None:
    assert_problem(await create(api, **body), 422, "validation", pointer)


@pytest.mark.parametrize(
    ("field", "make", "limit", "below"),
    [
        *(
            (name, lambda size: [f"http://{n}.test/" for n in range(size)], 256, "")
            for name in ("trackers", "web_seeds")
        ),
        *((name, lambda size: ["http://a.test/".ljust(size, "x")], 512, "/0") for name in ("trackers", "web_seeds")),
        ("include", lambda size: ["**", *("x" for _ in range(size - 1))], 256, ""),
        ("include", lambda size: ["**", "x" * size], 512, "/1"),
        ("exclude", lambda size: ["x"] * size, 256, ""),
        ("exclude", lambda size: ["x" * size], 512, "/0"),
        ("comment", lambda size: "x" * size, 4096, ""),
        ("source", lambda size: "x" * size, 128, ""),
    ],
)
async def test_limits(api: Running, field: str, make: Callable[[int], Any], limit: int, below: str) -> None:
    taken = await create(api, **{field: make(limit)})
    assert taken.status_code == 200, taken.text
    assert_problem(await create(api, **{field: make(limit + 1)}), 422, "validation", f"/{field}{below}")


@pytest.mark.parametrize("piece_length", [1 << power for power in range(14, 25)])
async def test_every_piece_length_within_the_bounds_is_taken(api: Running, piece_length: int) -> None:
    assert (await create(api, piece_length=piece_length)).json()["piece_length"] == piece_length


async def test_a_path_is_needed(api: Running) -> None:
    assert_problem(await api.http.post("/v1/torrents/create", json={}), 422, "validation", "/root_path")


async def test_links_out_are_refused(api: Running, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "allowed" / "way").symlink_to(tmp_path / "secret")
    refused = await create(api, root_path=str(tmp_path / "allowed" / "way"))
    assert "must lie below" in assert_problem(refused, 422, "validation", "/root_path")["detail"]
    (tmp_path / "allowed" / "Film" / "way").symlink_to(tmp_path / "secret")
    problem = assert_problem(await create(api), 422, "validation", "/root_path")
    assert problem["context"] == {"path": f"{film(api)}/way"}


async def test_a_file_that_changes_is_a_conflict_that_names_it(
    api: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    turnstile = Turnstile()
    monkeypatch.setattr("revaer.authoring.hashing.opened_file", turnstile.opened_file)
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await create(api))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await eventually(lambda: turnstile.waiting, "it is read")
        (tmp_path / "allowed" / "Film" / "film.mkv").write_bytes(b"other")
        turnstile.let(100)
    problem = assert_problem(answers[0], 409, "conflict")
    assert problem["context"] == {"path": f"{film(api)}/film.mkv"}


async def test_methods_scopes_and_types(api: Running) -> None:
    assert_problem(await create(api, {"x-revaer-api-key": str(READER)}), 403, "forbidden")
    answer = await api.http.post("/v1/torrents/create", content=b"{}", headers={"content-type": "text/plain"})
    assert_problem(answer, 415, "unsupported-media-type")
    assert_problem(await api.http.post("/v1/torrents/create?x=1", json={}), 400, "bad-request", "/query/x")
    assert_problem(await api.http.put("/v1/torrents/create", json={}), 405, "method-not-allowed")


async def test_progress_comes_as_events_with_the_id_of_the_request(api: Running) -> None:
    lines = await open_lines(api.url, str(ADMIN), "/v1/events", {"event": "authoring_progress"})
    async with Envelopes(lines) as envelopes:
        assert (await create(api, {"x-request-id": "mine"})).status_code == 200
        with trio.fail_after(10):
            async for envelope in envelopes:
                if envelope.get("event", {}).get("state") == "completed":
                    break
    assert envelope["request_id"] == "mine"
    event = envelope["event"]
    assert (event["type"], event["name"], event["bytes_done"]) == ("authoring_progress", "Film", 200_005)


async def test_hanging_up_stops_the_work(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    turnstile = Turnstile()
    monkeypatch.setattr("revaer.authoring.hashing.opened_file", turnstile.opened_file)
    with api.bus.subscribe("test", capacity=100) as events:
        with trio.move_on_after(10) as patience:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(create, api)
                await eventually(lambda: turnstile.waiting, "it is read")
                nursery.cancel_scope.cancel()
        assert not patience.cancelled_caught
        states: list[str] = []
        with trio.fail_after(10):
            async for item in events:
                states.append(getattr(getattr(item, "event", None), "state", ""))
                if states[-1] == "cancelled":
                    break
        turnstile.let(100)
    assert (await create(api)).status_code == 200


async def test_the_same_call_again_is_not_hashed_again(api: Running, tmp_path: Path) -> None:
    key = {"idempotency-key": "k"}
    first = await create(api, key)
    (tmp_path / "allowed" / "Film" / "film.mkv").write_bytes(b"other")
    again = await create(api, key)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert (await create(api, {"idempotency-key": "l"})).json()["size"] == 10
    assert_problem(await create(api, key, format="v2"), 409, "conflict")


async def test_a_call_that_was_cut_off_can_be_made_again(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    turnstile = Turnstile()
    monkeypatch.setattr("revaer.authoring.hashing.opened_file", turnstile.opened_file)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(create, api, {"idempotency-key": "k"})
        await eventually(lambda: turnstile.waiting, "it is read")
        nursery.cancel_scope.cancel()
    turnstile.let(100)
    again = await create(api, {"idempotency-key": "k"})
    assert again.status_code == 200
    assert "idempotency-replayed" not in again.headers


async def test_a_node_that_makes_none_says_so(start_api: StartApi) -> None:
    async with start_api() as api:
        answer = await api.http.post("/v1/torrents/create", json={"root_path": str(api.settings.download_root)})
        assert_problem(answer, 503, "service-unavailable")


def test_an_answer_with_many_files_is_put_together_from_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create_routes, "_ENCODED_AT_ONCE", 300)
    for count in (0, 1, 499, 500, 501, 1000, 1203):
        created = CreatedTorrent(
            name='odd "name"',
            hashes=InfoHash(v1="a" * 40),
            size=5,
            piece_length=16384,
            pieces=1,
            files=tuple(CreatedFile(f"dir/{number}", number) for number in range(count)),
            skipped=tuple(SkippedFile(f"\u4e16{number}", "exclude: *") for number in range(count)),
            metainfo=payload(1000 + count),
        )
        document = json.loads(create_routes.created_document(created, []))
        assert [row["path"] for row in document["files"]] == [file.path for file in created.files]
        assert [row["path"] for row in document["skipped"]] == [file.path for file in created.skipped]
        assert base64.b64decode(document["metainfo"]) == created.metainfo
        assert document["name"] == 'odd "name"'


def test_a_magnet_that_would_be_too_long_is_told_without_trackers() -> None:
    trackers = [f"http://tracker-{number}.example/{'x' * 400}" for number in range(40)]
    created = CreatedTorrent(
        name="x", hashes=InfoHash(v2="b" * 64), size=1, piece_length=1, pieces=1, files=(), skipped=(), metainfo=b""
    )
    assert json.loads(create_routes.created_document(created, trackers))["magnet"] == (
        f"magnet:?xt=urn:btmh:1220{'b' * 64}&dn=x"
    )
