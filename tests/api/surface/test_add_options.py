"""Every option of an add does what it says: in the settings that are shown, in what is stored, in the engine."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from revaer.api.schema_add import AddBody
from revaer.session.simulated_torrent import SimulatedTorrent
from revaer.types import StorageMode
from tests.api.surface.conftest import refused
from tests.session.conftest import StoredTorrents
from tests.support.session_api import FILES, show
from tests.support.torrents import magnet_for, make_torrent
from tests.support.whole_node import WholeNode

TRACKER, OWN_TRACKER = "http://maker.test/announce", "http://own.test/announce"
SEED, OWN_SEED = "http://maker.test/files/", "http://own.test/files/"
FILM = make_torrent(FILES, name="Film", trackers=[TRACKER], web_seeds=[SEED])
ID = "01890000-0000-7000-8000-00000000000a"

Look = Callable[[SimulatedTorrent], object]

ENGINE: dict[str, tuple[Any, Look, object]] = {
    "storage_mode": ("allocate", lambda torrent: torrent.spec.storage_mode, StorageMode.ALLOCATE),
    "sequential": (True, lambda torrent: torrent.sequential, True),
    "start_paused": (True, lambda torrent: torrent.paused, True),
    "seed_mode": (True, lambda torrent: all(torrent.have), True),
    "super_seeding": (True, lambda torrent: torrent.super_seeding, True),
    "trackers": ([OWN_TRACKER], lambda torrent: torrent.trackers, (TRACKER, OWN_TRACKER)),
    "web_seeds": ([OWN_SEED], lambda torrent: torrent.web_seeds, (SEED, OWN_SEED)),
    "include": (["*.mkv"], lambda torrent: torrent.priorities, [4, 4, 0]),
    "exclude": (["*.nfo"], lambda torrent: torrent.priorities, [4, 4, 0]),
    "skip_fluff": (True, lambda torrent: torrent.priorities, [4, 0, 4]),
    "priorities": ({"0": "high", "2": "low"}, lambda torrent: torrent.priorities, [7, 4, 1]),
    "max_download_bps": (5_000, lambda torrent: torrent.download_limit, 5_000),
    "max_upload_bps": (6_000, lambda torrent: torrent.upload_limit, 6_000),
    "max_connections": (7, lambda torrent: torrent.peers_limit, 7),
    "auto_managed": (True, lambda torrent: torrent.auto_managed, True),
    "queue_position": (0, lambda torrent: torrent.position, 0),
    "pex_enabled": (False, lambda torrent: torrent.pex, False),
}
"""Options that the engine must know of: a value, where to look, and what is to be seen there."""

PLAIN: dict[str, Any] = {
    "name": "Mine",
    "comment": "from a friend",
    "tags": ["b", "a"],
    "category": "films",
    "seed_ratio_limit": 1.5,
    "seed_time_limit": 60,
    "process": False,
}
"""Options that are ours alone."""

SHOWN_AS = {"start_paused": "paused"}


def test_every_option_is_tried() -> None:
    elsewhere = {"magnet", "metainfo", "resume", "id", "download_dir", "replace_trackers"}
    assert AddBody.model_fields.keys() == ENGINE.keys() | PLAIN.keys() | elsewhere


async def add(node: WholeNode, **options: Any) -> tuple[dict[str, Any], SimulatedTorrent]:
    """Add the film; returns its detail, and what the engine has."""
    body = {"metainfo": base64.b64encode(FILM).decode(), **options}
    answer = await node.http.post("/v1/torrents", json=body)
    assert answer.status_code == 201, answer.text
    detail = await show(node, answer.headers["location"])
    return detail, node.engine._torrents[detail["id"]]


@pytest.mark.parametrize("name", ENGINE)
async def test_option_is_shown_stored_and_known_to_the_engine(node: WholeNode, kept: StoredTorrents, name: str) -> None:
    value, look, seen = ENGINE[name]
    detail, torrent = await add(node, **{name: value})
    assert detail["settings"][SHOWN_AS.get(name, name)] == value
    assert look(torrent) == seen


@pytest.mark.parametrize("name", PLAIN)
async def test_option_of_our_own_is_shown_and_stored(node: WholeNode, kept: StoredTorrents, name: str) -> None:
    detail, _ = await add(node, **{name: PLAIN[name]})
    assert detail["settings"][name] == PLAIN[name]
    (intent,) = kept.intents.values()
    stored = getattr(intent.options, name)
    assert (list(stored) if isinstance(stored, tuple) else stored) == PLAIN[name]


async def test_own_trackers_may_replace_those_of_the_maker(node: WholeNode) -> None:
    detail, torrent = await add(node, trackers=[OWN_TRACKER], replace_trackers=True)
    assert torrent.trackers == (OWN_TRACKER,)
    assert (detail["trackers"], detail["settings"]["replace_trackers"]) == ([OWN_TRACKER], True)


async def test_id_and_place_are_those_that_were_asked_for(node: WholeNode) -> None:
    detail, torrent = await add(node, id=ID, download_dir=str(node.root / "elsewhere"))
    assert (detail["id"], detail["download_dir"]) == (ID, str(node.root / "elsewhere"))
    assert torrent.download_dir == str(node.root / "elsewhere")


async def test_magnet_takes_the_same_options(node: WholeNode) -> None:
    options = {name: value for name, (value, _, _) in ENGINE.items() if name not in ("seed_mode", "priorities")}
    answer = await node.http.post("/v1/torrents", json={"magnet": magnet_for(FILM), **options, **PLAIN})
    assert answer.status_code == 201, answer.text
    shown = (await show(node, answer.headers["location"]))["settings"]
    expected = {SHOWN_AS.get(name, name): value for name, value in (options | PLAIN).items()}
    assert {name: shown[name] for name in expected} == expected


async def test_cap_of_zero_is_unlimited_and_wins_over_labels(node: WholeNode, kept: StoredTorrents) -> None:
    detail, torrent = await add(node, max_download_bps=0)
    (intent,) = kept.intents.values()
    assert (intent.options.max_download_bps, torrent.download_limit) == (0, 0)
    assert (detail["rate_limit"], detail["settings"]["max_download_bps"]) == ({}, 0)


async def test_settings_are_complete(node: WholeNode) -> None:
    """What an add may say is shown by the same names, but for the source; what nobody asked for is left out."""
    values = {name: value for name, (value, _, _) in ENGINE.items()} | PLAIN | {"replace_trackers": True}
    detail, _ = await add(node, **values)
    expected = {SHOWN_AS.get(name, name) for name in AddBody.model_fields} - {"magnet", "metainfo", "resume", "id"}
    assert detail["settings"].keys() == expected | {"replace_web_seeds"}
    assert all({"rule", "selected", "priority"} <= file.keys() for file in detail["files"])


@pytest.mark.parametrize("name", ["private", "source"])
async def test_override_that_would_change_the_info_hash_is_refused(node: WholeNode, name: str) -> None:
    body = {"metainfo": base64.b64encode(FILM).decode(), name: True}
    problem = refused(await node.http.post("/v1/torrents", json=body), 422, f"/{name}")
    assert "info-hash" in problem["invalid_params"][0]["message"]
    refused(await node.http.post("/v1/torrents", json={"magnet": magnet_for(FILM), name: True}), 422, f"/{name}")
