"""Each call once, as it should go."""

from __future__ import annotations

import base64
import json

import httpx

from revaer.events import FilesDiscovered
from revaer.session import messages as session
from revaer.types import TorrentState
from tests.api.conftest import Running, StartApi, make_view

MAGNET = "magnet:?xt=urn:btih:" + "a" * 40


async def test_health_says_ok(api: Running) -> None:
    answer = await api.http.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["x-request-id"]


async def test_add_answers_the_torrent_and_where_it_is(api: Running) -> None:
    answer = await api.http.post("/v1/torrents", json={"magnet": MAGNET, "tags": ["a"], "category": "films"})
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert answer.headers["location"] == f"/v1/torrents/{document['id']}"
    assert document["tags"] == ["a"]
    request = api.catalogue.requests[-1]
    assert request.magnet == MAGNET
    assert request.options.download_dir == str(api.settings.download_root)
    listed = (await api.http.get("/v1/torrents", params={"limit": 1000})).json()["torrents"]
    assert document["id"] in [row["id"] for row in listed]


async def test_add_takes_metainfo_as_base64(api: Running) -> None:
    body = {"metainfo": base64.b64encode(b"x" * 300_000).decode()}
    assert (await api.http.post("/v1/torrents", json=body)).status_code == 201
    assert api.catalogue.requests[-1].metainfo == b"x" * 300_000


async def test_add_takes_an_uploaded_file_with_options(api: Running) -> None:
    files = {"metainfo": ("a.torrent", b"d4:infoe", "application/x-bittorrent")}
    answer = await api.http.post("/v1/torrents", files=files, data={"options": json.dumps({"tags": ["x"]})})
    assert answer.status_code == 201, answer.text
    assert api.catalogue.requests[-1].metainfo == b"d4:infoe"
    assert api.catalogue.requests[-1].options.tags == ("x",)


async def test_add_takes_an_uploaded_file_with_single_fields(api: Running) -> None:
    files = {"file": ("a.torrent", b"d4:infoe", "application/x-bittorrent")}
    data = {"tags": ["x", "y"], "skip_fluff": "true", "max_download_bps": "5", "name": "film"}
    answer = await api.http.post("/v1/torrents", files=files, data=data)
    assert answer.status_code == 201, answer.text
    options = api.catalogue.requests[-1].options
    assert (options.tags, options.selection.skip_fluff, options.max_download_bps) == (("x", "y"), True, 5)


async def test_one_torrent_is_found_by_id_and_by_info_hash(api: Running) -> None:
    view = next(iter(api.catalogue.views.values()))
    for key in (view.id, view.id.upper(), view.descriptor.info_hash):
        answer = await api.http.get(f"/v1/torrents/{key}")
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["id"] == view.id
        assert document["files"][0]["priority"] == "normal"
        assert document["settings"]["download_dir"] == "/srv"


async def test_files_are_listed(api: Running) -> None:
    view = next(iter(api.catalogue.views.values()))
    answer = await api.http.get(f"/v1/torrents/{view.id}/files")
    assert [row["path"] for row in answer.json()["files"]] == ["film.mkv"]


async def test_pause_is_seen_in_the_next_list(api: Running) -> None:
    view = next(iter(api.catalogue.views.values()))
    answer = await api.http.post(f"/v1/torrents/{view.id}/action", json={"type": "pause"})
    assert answer.json()["state"]["kind"] == "stopped"
    listed = (await api.http.get("/v1/torrents", params={"state": "stopped"})).json()["torrents"]
    assert [row["id"] for row in listed] == [view.id]


async def test_every_action_becomes_its_message(api: Running) -> None:
    view = next(iter(api.catalogue.views.values()))
    root = str(api.settings.download_root)
    expected: list[tuple[dict[str, object], session.Action]] = [
        ({"type": "resume"}, session.Resume()),
        ({"type": "reannounce"}, session.Reannounce()),
        ({"type": "recheck"}, session.Recheck()),
        ({"type": "sequential", "enable": True}, session.SetSequential(enable=True)),
        ({"type": "rate", "download_bps": 5, "upload_bps": None}, session.SetRate(5, 0)),
        ({"type": "rate", "upload_bps": 7}, session.SetRate(session.Keep.KEEP, 7)),
        ({"type": "move", "download_dir": root + "/b"}, session.Move(root + "/b")),
        ({"type": "piece_deadline", "piece": 1, "deadline_ms": 2}, session.SetPieceDeadline(1, 2)),
        ({"type": "queue", "position": "top"}, session.Queue("top")),
        ({"type": "queue", "position": 3}, session.Queue(3)),
    ]
    for body, action in expected:
        answer = await api.http.post(f"/v1/torrents/{view.id}/action", json=body)
        assert answer.status_code == 200, answer.text
        assert api.catalogue.requests[-1] == session.Act(view.id, action)


async def test_remove_and_delete_are_seen_at_once(api: Running) -> None:
    first, second = list(api.catalogue.views)[:2]
    answer = await api.http.post(f"/v1/torrents/{first}/action", json={"type": "remove", "delete_data": True})
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.catalogue.requests[-1] == session.RemoveTorrent(first, delete_data=True)
    assert (await api.http.delete(f"/v1/torrents/{second}", params={"delete_data": "true"})).status_code == 204
    assert api.catalogue.requests[-1] == session.RemoveTorrent(second, delete_data=True)
    assert (await api.http.get(f"/v1/torrents/{first}")).status_code == 404


async def test_select_replaces_the_rules(api: Running) -> None:
    view = next(iter(api.catalogue.views.values()))
    body = {"include": ["**/*.mkv"], "skip_fluff": True, "priorities": {"0": "high"}}
    answer = await api.http.post(f"/v1/torrents/{view.id}/select", json=body)
    assert answer.status_code == 200, answer.text
    assert api.catalogue.requests[-1].rules.priorities == {0: 7}


async def test_full_health_tells_everything_with_a_key_and_a_summary_without(api: Running) -> None:
    document = (await api.http.get("/health/full")).json()
    assert document["status"] == "ok"
    assert document["components"]["session"]["state"] == "up"
    assert document["engine"]["engine"] == "fake"
    assert document["events"]["epoch"] == 7
    assert "journal" not in document, "nobody keeps one here"
    assert set(document["mailboxes"]["session"]) == {"depth", "peak", "capacity"}
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as stranger:
        assert set((await stranger.get("/health/full")).json()) == {"status", "mode", "version"}


async def test_metrics_are_given_on_loopback_without_a_key(api: Running) -> None:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as stranger:
        text = (await stranger.get("/metrics")).text
    assert 'revaer_torrents{state="downloading"} 5.0' in text
    assert 'revaer_mailbox_depth{actor="session"}' in text
    assert 'revaer_payload_bytes_total{direction="download"} 1000.0' in text


async def test_well_known_says_who_answers(api: Running) -> None:
    document = (await api.http.get("/.well-known/revaer.json")).json()
    assert document == {"name": "revaer", "version": "1.2.3", "api": "/v1", "mode": "active", "revision": 0}


async def test_options_tells_the_methods(api: Running) -> None:
    answer = await api.http.options("/v1/torrents")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, POST")


async def test_head_has_no_body(api: Running) -> None:
    answer = await api.http.head("/health")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_request_id_is_echoed_or_made(api: Running) -> None:
    assert (await api.http.get("/health", headers={"x-request-id": "mine-1"})).headers["x-request-id"] == "mine-1"
    made = (await api.http.get("/health", headers={"x-request-id": "not sane!"})).headers["x-request-id"]
    assert len(made) == 36


async def test_filters_sorting_and_fields_of_a_list(start_api: StartApi) -> None:
    async with start_api() as api:
        api.catalogue.add(make_view(1, tags=("a", "b"), category="films", trackers=("http://t.example/announce",)))
        api.catalogue.add(make_view(2, tags=("a",), name="Show.MKV", state=TorrentState.SEEDING))
        last = api.catalogue.add(make_view(3))

        async def ids(**params: str) -> list[str]:
            rows = (await api.http.get("/v1/torrents", params=params)).json()["torrents"]
            return [row["info_hash"][-1] for row in rows]

        assert await ids(tags="a,b") == ["1"]
        assert await ids(tags="a", sort="-name") == ["1", "2"]
        assert await ids(category="films,none") == ["1"]
        assert await ids(tracker="t.example") == ["1"]
        assert await ids(extension="mkv") == ["2"]
        assert await ids(name="SHOW") == ["2"]
        assert await ids(state="seeding") == ["2"]
        assert await ids(sort="-added_at") == ["3", "2", "1"]
        assert await ids(sort="-size", limit="1") == ["3"]
        rows = (await api.http.get("/v1/torrents", params={"fields": "name"})).json()["torrents"]
        assert rows[-1] == {"id": last.id, "name": "torrent 00003"}


async def test_extension_finds_any_wanted_file_and_before_they_are_known_the_name(start_api: StartApi) -> None:
    async with start_api() as api:
        api.catalogue.add(make_view(1, name="Show", extensions=frozenset({"mkv", "srt"})))
        api.catalogue.add(make_view(2, name="Photos.mkv", extensions=frozenset({"jpg"})))
        api.catalogue.add(make_view(3, name="Unknown.MKV"))
        selected = api.catalogue.add(make_view(4, name="Mixed", extensions=frozenset({"nfo"})))

        async def found(value: str) -> list[str]:
            rows = (await api.http.get("/v1/torrents", params={"extension": value})).json()["torrents"]
            return [row["info_hash"][-1] for row in rows]

        assert await found("mkv") == ["1", "3"]
        assert await found(".SRT,jpg") == ["1", "2"]
        assert await found("iso") == []
        api.bus.publish(FilesDiscovered(selected.id, 2, 1, 20, 10, frozenset({"iso"})))
        assert await found("iso") == ["4"]
