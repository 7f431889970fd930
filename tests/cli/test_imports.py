"""`revaer import`: what is told of each torrent, in a dry run, at the end, and when the command breaks off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revaer.bencode import encode
from revaer.session.metainfo import parse_metainfo
from tests.cli.conftest import Result, Revaer
from tests.support.fake_api import KEY, Answer, FakeApi, problem
from tests.support.torrents import make_torrent, payload

UNCHECKED = "Whether the daemon finds the directories, and may use them, shows without --dry-run.\n"


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A `BT_backup` with the torrents one, two and three in this order, and a record that is half-written."""
    folder = tmp_path / "BT_backup"
    folder.mkdir()
    order = []
    for name in ("one", "two", "three"):
        torrent = make_torrent({"a.bin": payload(20_000)}, name=name)
        order.append(hash_of(torrent))
        (folder / f"{order[-1]}.torrent").write_bytes(torrent)
        (folder / f"{order[-1]}.fastresume").write_bytes(encode({"save_path": "/srv/films", "seed_mode": 1}))
    (folder / "queue").write_text("\n".join(order))
    (folder / f"{'0' * 40}.fastresume").write_bytes(b"d4:infod")
    return folder


def hash_of(torrent: bytes) -> str:
    return parse_metainfo(torrent).hashes.v1 or ""


def outcomes(result: Result) -> list[tuple[Any, ...]]:
    """Name, outcome and id of each result."""
    return [(one["name"], one["outcome"], one.get("id")) for one in json.loads(result.out)["results"]]


def test_everything_that_was_found_is_told(revaer: Revaer, api: FakeApi, backup: Path) -> None:
    result = revaer("import", "qbittorrent", str(backup), "--output", "json")

    ids = list(api.torrents)
    assert result.code == 2, "one was left"
    assert outcomes(result) == [
        ("one", "carried", ids[0]),
        ("two", "carried", ids[1]),
        ("three", "carried", ids[2]),
        ("0" * 40, "left", None),
    ]
    assert {"metainfo", "resume"} <= api.requests[0].body["torrents"][0].keys()


def test_a_dry_run_tells_what_is_here_already_and_changes_nothing(revaer: Revaer, api: FakeApi, backup: Path) -> None:
    known = api.put("two", info_hash_v1=(backup / "queue").read_text().split()[1])

    result = revaer("import", "qbittorrent", str(backup), "--dry-run", "--output", "json", "--map", "/srv=/data")

    assert result.code == 2
    assert result.err == UNCHECKED
    assert outcomes(result) == [
        ("one", "would be carried", None),
        ("two", "here already", known["id"]),
        ("three", "would be carried", None),
        ("0" * 40, "left", None),
    ]
    assert json.loads(result.out)["results"][0]["download_dir"] == "/data/films"
    assert {request.method for request in api.requests} == {"GET"}


def test_a_dry_run_goes_without_a_daemon(bare: Revaer, free_url: str, backup: Path) -> None:
    result = bare(
        "--api-url", free_url, "--api-key", KEY, "import", "qbittorrent", str(backup), "--dry-run", "--output", "json"
    )

    assert [outcome for _, outcome, _ in outcomes(result)] == ["would be carried"] * 3 + ["left"]
    assert "nothing listens there: which torrents are here already is not known." in result.err


def test_what_was_carried_before_the_command_broke_off_is_told(
    revaer: Revaer, api: FakeApi, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.cli.batches.BATCH", 2)
    done = [{"status": 201, "id": f"id-{number}", "info_hash": "a" * 40} for number in (1, 2)]
    api.next_answers += [Answer(200, {"results": done}), problem(503, "Service unavailable")]

    result = revaer("import", "qbittorrent", str(backup), "--output", "json")

    assert result.code == 3
    assert "Service unavailable" in result.err
    assert outcomes(result) == [
        ("one", "carried", "id-1"),
        ("two", "carried", "id-2"),
        ("0" * 40, "left", None),
    ]


def test_a_refused_torrent_is_told_without_its_place_in_the_batch(revaer: Revaer, api: FakeApi, backup: Path) -> None:
    wrong = {"pointer": "/torrents/1/download_dir", "message": "/srv/films is not there"}
    refusal = problem(422, "Some values cannot be accepted", invalid_params=[wrong]).body
    done = {"status": 201, "id": "id-1", "info_hash": "a" * 40}
    api.next_answers.append(Answer(200, {"results": [done, {"status": 422, "problem": refusal}, done]}))

    result = revaer("import", "qbittorrent", str(backup))

    assert result.code == 2
    assert result.out.splitlines()[2].split() == [
        *("two", "refused", "-"),
        *("/download_dir:", "/srv/films", "is", "not", "there"),
    ]
    assert result.out.splitlines()[1].split()[:3] == ["one", "carried", "100.0"]
    assert "name them with --map OLD=NEW" in result.err


def test_a_daemon_that_is_away_leaves_nothing_to_tell(bare: Revaer, free_url: str, backup: Path) -> None:
    result = bare("--api-url", free_url, "--api-key", KEY, "import", "qbittorrent", str(backup), "--output", "json")

    assert (result.code, result.out) == (3, "")
