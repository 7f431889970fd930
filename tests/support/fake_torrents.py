"""What the fake daemon answers to calls about many torrents, and to close looks at one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.support.fake_answers import Answer, Request, problem

if TYPE_CHECKING:
    from tests.support.fake_api import FakeApi

LABELS = ("name", "comment", "tags", "category")
REFUSED = "refused"
"""A torrent of this name refuses every action."""


def many(api: FakeApi, request: Request) -> Answer | None:
    """Answer a call about many torrents, or about none that is there; `None` for another."""
    match request.method, request.path:
        case "POST", "/v1/torrents/bulk":
            return _bulk(api, request.body)
        case "POST", "/v1/torrents/actions":
            return _actions(api, request.body)
        case "POST", "/v1/torrents/create":
            return _create(request.body)
        case _:
            return None


def _bulk(api: FakeApi, body: dict[str, Any]) -> Answer:
    results = []
    for item in body["torrents"]:
        added = api.add(item)
        if added.status == 201:
            results.append({"status": 201, "id": added.body["id"], "info_hash": added.body["info_hash"]})
        else:
            results.append({"status": added.status, "problem": added.body})
    return Answer(200, {"results": results})


def _actions(api: FakeApi, body: dict[str, Any]) -> Answer:
    results = []
    for key in body["ids"]:
        torrent = api.find(key)
        if torrent is None:
            answer = problem(404, "Not found", f"no torrent {key}", instance="req-404")
        elif torrent["name"] == REFUSED:
            answer = problem(409, "Conflict", "not now", instance="req-409")
        else:
            answer = Answer(200, torrent)
            if body["action"]["type"] == "remove":
                del api.torrents[torrent["id"]]
                answer = Answer(204)
        told = {} if answer.status == 204 else {"torrent" if answer.status == 200 else "problem": answer.body}
        results.append({"id": torrent["id"] if torrent else key, "status": answer.status, **told})
    return Answer(200, {"results": results})


def _create(body: dict[str, Any]) -> Answer:
    metainfo = b"d4:infod4:name" + body["root_path"].encode() + b"ee"
    info_hash = hashlib.sha1(metainfo, usedforsecurity=False).hexdigest()
    document = {
        "metainfo": base64.b64encode(metainfo).decode(),
        "info_hash": info_hash,
        "magnet": f"magnet:?xt=urn:btih:{info_hash}",
    }
    return Answer(201, document)


def look(api: FakeApi, request: Request, torrent: dict[str, Any], rest: Sequence[str]) -> Answer | None:
    """Answer a close look at a torrent, or a change of it; `None` for another call."""
    held = api.looks.setdefault(torrent["id"], {})
    match request.method, rest:
        case "GET", ["peers" | "timeline" as what]:
            return Answer(200, {{"timeline": "events"}.get(what, what): held.get(what, [])})
        case "GET", ["pieces"]:
            return Answer(200, held.get("pieces", {"count": 0, "piece_length": 0, "have_count": 0, "have": ""}))
        case "GET", ["trackers"]:
            return Answer(200, {"trackers": held.get("trackers", [])})
        case "PATCH", ["trackers" | "web_seeds" as what]:
            return _edit(held, what, request.body)
        case "DELETE", ["trackers"]:
            held["trackers"] = [one for one in held.get("trackers", []) if one.get("from_profile")]
            return Answer(200, {"trackers": held["trackers"]})
        case "PATCH", []:
            torrent.update({name: value for name, value in request.body.items() if name in LABELS})
            return Answer(200, torrent | {"settings": {}})
        case _:
            return None


def _edit(held: dict[str, Any], what: str, edit: dict[str, list[str]]) -> Answer:
    urls = [one["url"] if isinstance(one, dict) else one for one in held.get(what, [])]
    for place, url in enumerate(edit.get("remove", ())):
        if url not in urls:
            params = [{"pointer": f"/remove/{place}", "message": "is not in the list"}]
            return problem(422, "Some values cannot be accepted", "", instance="req-422", invalid_params=params)
        urls.remove(url)
    urls = edit.get("replace") or [*urls, *(url for url in edit.get("add", ()) if url not in urls)]
    held[what] = [tracker_document(url, tier) for tier, url in enumerate(urls)] if what == "trackers" else urls
    return Answer(200, {what: held[what]})


def tracker_document(url: str, tier: int = 0, **overrides: Any) -> dict[str, Any]:
    """A tracker of a torrent."""
    return {"url": url, "tier": tier, "state": "idle", "from_profile": False, "fails": 0} | overrides


def peer_document(address: str, **overrides: Any) -> dict[str, Any]:
    """A peer of a torrent."""
    document = {"address": address, "port": 6881, "client": "", "connection": "bittorrent", "progress": 0.0}
    numbers = dict.fromkeys(("download_bps", "upload_bps", "downloaded_bytes", "uploaded_bytes"), 0)
    return document | numbers | {"flags": [], "source": []} | overrides
