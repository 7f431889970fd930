"""kill -9 at forty random moments while torrents are added, changed, removed, downloaded and saved."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.drills.ledger import Entry, Ledger, Standing
from tests.drills.records import false_claims
from tests.support.daemon import Api, Daemon
from tests.support.payloads import MIB, Torrent, large_torrent, small_torrent
from tests.support.swarm import Peer, open_peer
from tests.support.tracker import Tracker, open_tracker
from tests.support.waiting import eventually
from tests.support.watching import until_loaded

pytestmark = pytest.mark.drill

KILLS = 40
TORRENTS = 200
ADDS_PER_ROUND = 8
BOOT_KILLS = 0.2
"""Share of the kills that come while the daemon starts, ready or not."""

LONGEST = 1.2
"""Seconds from the beginning of a round to its kill, at most."""


async def test_nothing_acknowledged_is_lost_at_forty_kills(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("DRILL_SEED", "") or random.SystemRandom().getrandbits(32))
    source = random.Random(seed)
    with capsys.disabled():
        print(f"\nkill -9 drill: seed {seed} (DRILL_SEED={seed} repeats its choices)")
    node = Daemon(home / "node")
    folder = node.data_dir / "downloads"
    async with open_tracker() as tracker, open_peer(home / "peer", upload_rate=8 * MIB) as seeder:
        ledger = Ledger(make_entries(source, home / "seeds", folder, tracker.url), source)
        await seeder.seed([entry.torrent for entry in ledger.entries], home / "seeds", trackers=[tracker.url])
        await seeder.tell("pause")
        try:
            drill = Drill(node, ledger, seeder, tracker, source)
            for _ in range(KILLS):
                await drill.round()
            await drill.finish()
        finally:
            await node.close()
    with capsys.disabled():
        print(f"kill -9 drill: {drill.boot_kills} kills at boot, {drill.audits} audits, {dict(ledger.answers)}")


class Drill:
    """The rounds of the drill over one data directory."""

    def __init__(self, node: Daemon, ledger: Ledger, seeder: Peer, tracker: Tracker, source: random.Random) -> None:
        self.boot_kills = 0
        self.audits = 0
        self._node = node
        self._ledger = ledger
        self._seeder = seeder
        self._tracker = tracker
        self._source = source

    async def round(self) -> None:
        """Start, audit, work until the kill, and look at what the dead daemon left on disk."""
        moment = self._source.uniform(0, LONGEST)
        if self._source.random() < BOOT_KILLS:
            self.boot_kills += 1
            self._node.spawn()
            await trio.sleep(moment)
            await self._node.kill()
        else:
            await self._audited_start()
            await self._seeder.tell("resume")
            async with trio.open_nursery() as nursery:
                self._start_work(nursery)
                await trio.sleep(moment)
                await self._node.kill()
            await self._seeder.tell("pause")
        self._tracker.forget_leechers()
        await trio.to_thread.run_sync(self._check_records)

    async def finish(self) -> None:
        """Add the rest, let everything complete, stop in order, and audit once more."""
        api = await self._audited_start()
        for entry in self._ledger.waiting():
            await self._ledger.add(api, entry)
            assert entry.standing is Standing.ACKNOWLEDGED
        await self._seeder.limit(0)
        await self._seeder.tell("resume")
        await eventually(lambda: self._all_complete(api), self._node.log_tail, within=90, every=0.5)
        assert await self._node.stop() == 0
        await trio.to_thread.run_sync(self._check_records)
        await self._audited_start()
        for entry in self._ledger.acknowledged():
            if not entry.facts["paused"]:
                await trio.to_thread.run_sync(check_content, entry)
        assert await self._node.stop() == 0

    async def _audited_start(self) -> Api:
        api = await self._node.start()
        await self._ledger.audit(api, await until_loaded(self._node))
        self.audits += 1
        return api

    def _start_work(self, nursery: trio.Nursery) -> None:
        """Add some torrents, change three and now and then remove one, all at once."""
        api = self._node.api
        for entry in self._ledger.waiting()[:ADDS_PER_ROUND]:
            nursery.start_soon(self._ledger.add, api, entry)
        known = self._ledger.acknowledged()
        chosen = self._source.sample(known, min(4, len(known)))
        for entry in chosen[:3]:
            nursery.start_soon(self._ledger.change, api, entry)
        for entry in chosen[3:]:
            if self._source.random() < 0.25:
                nursery.start_soon(self._ledger.remove, api, entry)

    def _check_records(self) -> None:
        """No record may claim a piece that is not whole on disk."""
        for entry in self._ledger.acknowledged():
            record = self._node.data_dir / "resume" / f"{entry.id}.fastresume"
            if record.exists():
                assert false_claims(record, entry.torrent, entry.folder) == [], entry.torrent.name

    async def _all_complete(self, api: Api) -> bool:
        rows = {row["id"]: row for row in await api.all()}
        kinds = {entry.torrent.name: rows[entry.id]["state"]["kind"] for entry in self._ledger.acknowledged()}
        assert "failed" not in kinds.values(), kinds
        return set(kinds.values()) <= {"seeding", "completed", "stopped"}


def make_entries(source: random.Random, root: Path, folder: Path, tracker: str) -> list[Entry]:
    """Draw the torrents and what is wished of each; the payload goes below `root` for the seeder."""
    entries = []
    for number in range(TORRENTS):
        options: dict[str, Any] = {
            "trackers": [tracker],
            "tags": source.sample(["films", "linux", "hd", "new"], source.randrange(4)),
            "sequential": source.random() < 0.2,
            "skip_fluff": source.random() < 0.5,
            "start_paused": source.random() < 0.1,
        }
        if source.random() < 0.5:
            options["category"] = source.choice(["tv", "music"])
        if source.random() < 0.3:
            options["max_download_bps"] = source.randrange(1, 64) << 20
        if source.random() < 0.2:
            options["download_dir"] = str(folder / "elsewhere")
        entries.append(Entry(make_torrent(number, root), options, Path(options.get("download_dir", folder))))
    return entries


def make_torrent(number: int, root: Path) -> Torrent:
    """Mostly small torrents with a sample folder; every twentieth is large enough to be caught in the middle."""
    if number % 20 == 7:
        return large_torrent(16 * MIB, name=f"large-{number}.bin", seed=number, root=root, piece_length=MIB // 4)
    files = {"main.bin": 160 * 1024, "sample/clip.bin": 64 * 1024, "notes.txt": 32 * 1024}
    return small_torrent(files, name=f"release-{number}", seed=number, root=root)


def check_content(entry: Entry) -> None:
    """Every wanted byte is right, and what was left out was never written."""
    skipped = entry.facts["skipped"]
    if not skipped:
        assert all(entry.torrent.whole_pieces(entry.folder)), entry.torrent.name
        return
    missing = [size for path, size in entry.torrent.files.items() if path.endswith(tuple(skipped))]
    assert entry.torrent.whole_bytes(entry.folder) == entry.torrent.size - sum(missing), entry.torrent.name
