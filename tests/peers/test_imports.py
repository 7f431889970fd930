"""Torrents that qBittorrent and Transmission had go on in Revaer where they stood, and nothing is hashed again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from revaer.bencode import decode, encode
from tests.peers.owners import open_qbittorrent, open_transmission
from tests.support.daemon import Daemon, daemon
from tests.support.shell import shell
from tests.support.torrents import make_torrent, payload
from tests.support.waiting import eventually

pytestmark = pytest.mark.peers
FILES = {"a.bin": payload(600_000, seed=1), "sub/b.bin": payload(300_000, seed=2), "c.nfo": payload(1_000, seed=3)}
LINK = "magnet:?xt=urn:btih:" + "ab" * 20 + "&dn=linked"


def torrent(name: str) -> bytes:
    return make_torrent({path: name.encode() + content for path, content in FILES.items()}, name=name)


def hash_of(metainfo: bytes) -> str:
    document = decode(metainfo)
    assert isinstance(document, dict)
    return hashlib.sha1(encode(document[b"info"])).hexdigest()


def lay(folder: Path, name: str, *paths: str, fake: bool = False) -> None:
    """Write files of a torrent, or others of the same size: whoever hashes those finds nothing."""
    for path in paths or FILES:
        content = name.encode() + FILES[path]
        place = folder / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes(len(content)) if fake else content)


async def shown(node: Daemon, wanted: int) -> dict[str, dict[str, Any]]:
    """The node's torrents by name, when they have been in the engine."""

    async def settled() -> bool:
        rows = await node.api.all()
        return len(rows) == wanted and all(row["state"]["kind"] not in {"checking", "queued"} for row in rows)

    await eventually(settled, "the torrents are in the engine", within=60)
    return {row["name"]: await node.api.detail(row["id"]) for row in await node.api.all()}


async def test_what_qbittorrent_had_goes_on_where_it_stood(home: Path) -> None:
    downloads = home / "payload"
    made = {name: torrent(name) for name in ("whole", "half", "renamed", "moved")}
    lay(downloads, "whole")
    lay(downloads, "half", "a.bin")
    lay(downloads, "renamed")
    lay(downloads, "moved")
    async with open_qbittorrent(home / "profile") as owner:
        await owner.add(made["whole"], downloads, category="films", tags="hd,new", ratioLimit="1.5", upLimit="50000")
        await owner.add(made["half"], downloads, sequentialDownload="true")
        await owner.add(made["renamed"], downloads)
        await owner.add(made["moved"], downloads, rename="another name")
        await owner.add_link(LINK, downloads)
        shares = {"whole": 1.0, "half": 0.66, "renamed": 1.0, "moved": 1.0}
        await owner.check({hash_of(made[name]): share for name, share in shares.items()})
        await owner.call("torrents/filePrio", hash=hash_of(made["half"]), id="2", priority="0")
        await owner.call(
            "torrents/renameFile", hash=hash_of(made["renamed"]), oldPath="renamed/a.bin", newPath="renamed/z.bin"
        )
    backup = home / "profile" / "qBittorrent" / "data" / "BT_backup"
    (backup / f"{'0' * 40}.fastresume").write_bytes(b"d4:infod")
    for name in ("whole", "half"):
        lay(downloads, name, *(["a.bin"] if name == "half" else []), fake=True)

    async with daemon(home / "node") as node:
        revaer = shell(node.data_dir)
        tried = (await revaer("import", "qbittorrent", str(backup), "--dry-run", "--output", "json")).expect(2)
        assert await node.api.all() == []
        said = (await revaer("import", "qbittorrent", str(backup), "--output", "json")).expect(2)
        rows = await shown(node, 4)
        again = (await revaer("import", "qbittorrent", str(backup.parent), "--output", "json")).expect(2)

        outcomes = {result["name"]: result["outcome"] for result in json_of(said.out)}
        assert {outcome for name, outcome in outcomes.items() if name in rows} == {"carried"}
        assert [result["outcome"] for result in json_of(tried.out)].count("would be carried") == 4
        assert [result["outcome"] for result in json_of(again.out)].count("here already") == 4
        assert "renamed" in said.out
        assert "half-written" in said.out
        whole, half = rows["whole"], rows["half"]
        assert whole["progress"]["percent_complete"] == 100.0, "it would be 0 if anything had been hashed"
        assert (whole["category"], whole["tags"]) == ("films", ["hd", "new"])
        assert whole["rate_limit"]["upload_bps"] == 50000
        assert whole["settings"]["seed_ratio_limit"] == 1.5
        assert whole["state"]["kind"] == "completed"
        assert half["progress"]["percent_complete"] == pytest.approx(66.0, abs=5)
        assert half["progress"]["bytes_downloaded"] > 500_000
        assert half["sequential"] is True
        assert [file["selected"] for file in half["files"]] == [True, True, False]
        assert rows["another name"]["progress"]["percent_complete"] == 100.0
        assert rows["linked"]["state"]["kind"] == "stopped"
        await node.kill()
        await node.start()
        assert (await shown(node, 4))["whole"]["progress"]["percent_complete"] == 100.0, "its record was kept"


async def test_what_transmission_had_goes_on_where_it_stood(home: Path) -> None:
    downloads = home / "payload"
    made = {name: torrent(name) for name in ("whole", "half")}
    lay(downloads, "whole")
    lay(downloads, "half", "a.bin")
    async with open_transmission(home / "config") as owner:
        whole = await owner.add(made["whole"], downloads, labels=["films"], seedRatioLimit=2.5, seedRatioMode=1)
        half = await owner.add(made["half"], downloads, uploadLimit=70, uploadLimited=True, files_unwanted=[2])
        await owner.until_checked({whole: 1.0, half: 0.66})
        added = {
            row["id"]: row["addedDate"]
            for row in (await owner.call("torrent-get", fields=["id", "addedDate"]))["torrents"]
        }
    (home / "config" / "torrents" / "cut.torrent").write_bytes(made["half"][:100])
    for name in made:
        lay(downloads, name, *(["a.bin"] if name == "half" else []), fake=True)

    async with daemon(home / "node") as node:
        revaer = shell(node.data_dir)
        said = (await revaer("import", "transmission", str(home / "config"), "--output", "json")).expect(2)
        rows = await shown(node, 2)

        assert [result["outcome"] for result in json_of(said.out)] == ["carried", "carried", "left"]
        assert rows["whole"]["progress"]["percent_complete"] == 100.0, "it would be 0 if anything had been hashed"
        assert rows["whole"]["tags"] == ["films"]
        assert rows["whole"]["settings"]["seed_ratio_limit"] == 2.5
        assert rows["whole"]["added_at"].startswith(moment(added[whole]))
        assert rows["half"]["progress"]["bytes_downloaded"] > 500_000
        assert rows["half"]["rate_limit"]["upload_bps"] == 70_000
        assert [file["selected"] for file in rows["half"]["files"]] == [True, True, False]


async def test_a_directory_of_neither_is_refused(home: Path) -> None:
    (home / "torrents").mkdir()
    revaer = shell(home / "node")
    for program in ("qbittorrent", "transmission"):
        assert "is no" in (await revaer("import", program, str(home))).expect(2).err


def json_of(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["results"]
    return found


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
