"""A `resume_dir` that was changed while the daemon runs: the records follow at its next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.torrents import make_torrent, payload
from tests.support.watching import until_complete, until_loaded


@pytest.mark.drill
async def test_records_follow_at_the_next_start_and_nothing_is_hashed_again(home: Path) -> None:
    node = Daemon(home / "node")
    records = home / "records"
    records.mkdir()
    content = payload(2_000_000)
    metainfo = make_torrent({"film.mkv": content}, name="film.mkv")
    try:
        await node.start()
        (node.data_dir / "downloads" / "film.mkv").write_bytes(content)
        added = (await node.api.add(metainfo)).json()["id"]
        await until_complete(node, added)

        patch = {"engine_profile": {"resume_dir": str(records)}}
        tried = (await node.api.http.post("/v1/config/validate", json=patch)).json()
        assert tried["impact"]["restart"] == ["/engine_profile/resume_dir"]
        answer = (await node.api.http.patch("/v1/config", json=patch)).json()
        assert answer["restart"] == ["/engine_profile/resume_dir"]
        other = (await node.api.http.patch("/v1/config", json={"engine_profile": {"dht": False}})).json()
        assert other["restart"] == []

        assert await node.stop() == 0
        assert not list(records.iterdir())
        await node.start()

        assert [row["id"] for row in await until_loaded(node)] == [added]
        await until_complete(node, added)
        assert {path.name for path in records.iterdir()} >= {f"{added}.intent", f"{added}.fastresume"}
        assert not list((node.data_dir / "resume").glob("*.*"))
        assert node.told("records_carried")[0]["files"] >= 3
        assert not node.told("pieces_verified"), "the record and the mark of the clean stop came along"
        (node.data_dir / "downloads" / "film.mkv").rename(home / "aside")
        assert await node.stop() == 0

        # Back, over a crash: the records are where they were last.
        await node.start()
        back = (await node.api.http.patch("/v1/config", json={"engine_profile": {"resume_dir": None}})).json()
        assert back["restart"] == ["/engine_profile/resume_dir"]
        await node.kill()
        await node.start()
        assert [row["id"] for row in await until_loaded(node)] == [added]
        assert (node.data_dir / "resume" / f"{added}.intent").exists()
    finally:
        await node.close()
