"""What a drill has asked of the daemon and what was acknowledged, held against what a restarted daemon says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.support.daemon import Api
from tests.support.payloads import Torrent


class Standing(Enum):
    """How far a torrent's life has come, as the asker knows it."""

    UNASKED = auto()
    ASKED = auto()  # no answer came: it may be there or not
    REFUSED = auto()  # 503: it must not be there
    ACKNOWLEDGED = auto()
    LEAVING = auto()  # removal asked, no answer came
    REMOVED = auto()


@dataclass(slots=True)
class Entry:
    """One torrent: what was wished for and which answers came."""

    torrent: Torrent
    options: Mapping[str, Any]
    folder: Path
    standing: Standing = Standing.UNASKED
    id: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the detail must show, by name."""
    doubts: dict[str, Any] = field(default_factory=dict)
    """Changes asked for and not answered: the detail shows the fact or this."""


class Ledger:
    """Every torrent of a drill.

    Args:
        entries: in the order in which they are added.
        source: the drill's randomness.
    """

    def __init__(self, entries: Iterable[Entry], source: random.Random) -> None:
        self.entries = list(entries)
        self._source = source
        self.answers: Counter[str] = Counter()

    def waiting(self) -> list[Entry]:
        """The entries still to be added."""
        return [entry for entry in self.entries if entry.standing in (Standing.UNASKED, Standing.REFUSED)]

    def acknowledged(self) -> list[Entry]:
        """The entries that the daemon has accepted and not been asked to remove."""
        return [entry for entry in self.entries if entry.standing is Standing.ACKNOWLEDGED]

    async def add(self, api: Api, entry: Entry) -> None:
        """Add one torrent and note the answer, or that none came."""
        entry.standing = Standing.ASKED
        try:
            answer = await api.add(entry.torrent.metainfo, **entry.options)
        except httpx.TransportError:
            self.answers["add: none"] += 1
            return
        self.answers[f"add: {answer.status_code}"] += 1
        if answer.status_code == 201:
            self._accept(entry, answer.json()["id"])
        elif answer.status_code == 503:
            entry.standing = Standing.REFUSED
        else:
            raise AssertionError(f"add {entry.torrent.name}: {answer.status_code} {answer.text}")

    async def change(self, api: Api, entry: Entry) -> None:
        """Ask for one random change of an accepted torrent."""
        rate = self._source.randrange(1, 64) << 20
        paused, sequential = entry.facts["paused"], entry.facts["sequential"]
        choices: list[tuple[str, dict[str, Any], str, Any]] = [
            ("rate", {"download_bps": rate, "upload_bps": None}, "download_bps", rate),
            ("sequential", {"enable": not sequential}, "sequential", not sequential),
            ("resume" if paused else "pause", {}, "paused", not paused),
        ]
        kind, arguments, fact, value = self._source.choice(choices)
        entry.doubts[fact] = value
        answer = await self._ask(kind, api.act(entry.id, kind, **arguments))
        if answer is not None:
            entry.doubts.pop(fact)
            if answer.is_success:
                entry.facts[fact] = value

    async def remove(self, api: Api, entry: Entry) -> None:
        """Remove a torrent with its data."""
        entry.standing = Standing.LEAVING
        answer = await self._ask("remove", api.remove(entry.id, delete_data=True))
        if answer is not None:
            entry.standing = Standing.REMOVED if answer.is_success else Standing.ACKNOWLEDGED

    async def audit(self, api: Api, rows: Sequence[Mapping[str, Any]]) -> None:
        """Hold the whole list of a freshly started daemon, and the details behind it, against the ledger.

        Raises:
            AssertionError: something acknowledged is missing, changed or doubled, or something refused is there.
        """
        doubled = {key: count for key, count in Counter(row["info_hash"] for row in rows).items() if count > 1}
        assert not doubled, f"doubled: {doubled}"
        by_hash = {row["info_hash"]: row for row in rows}
        limiter = trio.CapacityLimiter(8)
        async with trio.open_nursery() as nursery:
            for entry in self.entries:
                self._settle(entry, by_hash.get(entry.torrent.info_hash))
                if entry.standing is Standing.ACKNOWLEDGED:
                    nursery.start_soon(self._compare, api, entry, limiter)
        unknown = set(by_hash) - {entry.torrent.info_hash for entry in self.entries}
        assert not unknown, f"nobody asked for {unknown}"

    def _settle(self, entry: Entry, row: Mapping[str, Any] | None) -> None:
        """Compare presence, and learn what became of questions without an answer."""
        name = f"{entry.torrent.name} ({entry.standing.name})"
        match entry.standing:
            case Standing.ACKNOWLEDGED:
                assert row is not None, f"lost: {name}"
                assert row["id"] == entry.id, f"{name} has another id"
            case Standing.UNASKED | Standing.REFUSED | Standing.REMOVED:
                assert row is None, f"present: {name}"
            case Standing.ASKED if row is not None:
                self._accept(entry, row["id"])
            case Standing.ASKED:
                entry.standing = Standing.UNASKED
            case Standing.LEAVING if row is None:
                entry.standing = Standing.REMOVED

    async def _compare(self, api: Api, entry: Entry, limiter: trio.CapacityLimiter) -> None:
        async with limiter:
            detail = await api.detail(entry.id)
        seen = facts_of(detail)
        for fact, value in list(entry.doubts.items()):
            if seen[fact] == value:
                entry.facts[fact] = value
        entry.doubts.clear()
        if detail["state"]["kind"] in {"checking", "queued"} and entry.facts["paused"]:
            seen["paused"] = True
        assert seen == entry.facts, f"{entry.torrent.name}: {detail}"
        claimed = sum(file["bytes_completed"] for file in detail["files"])
        whole = entry.torrent.whole_bytes(entry.folder)
        assert claimed <= whole, f"{entry.torrent.name} claims {claimed}, {whole} are whole on disk"

    def _accept(self, entry: Entry, key: str) -> None:
        entry.standing, entry.id = Standing.ACKNOWLEDGED, key
        entry.facts = expected_facts(entry)

    async def _ask(self, what: str, call: Any) -> httpx.Response | None:
        try:
            answer: httpx.Response = await call
        except httpx.TransportError:
            self.answers[f"{what}: none"] += 1
            return None
        self.answers[f"{what}: {answer.status_code}"] += 1
        if not answer.is_success and answer.status_code not in (409, 503):
            raise AssertionError(f"{what}: {answer.status_code} {answer.text}")
        return answer


def facts_of(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a wish decides, as a torrent's detail shows them."""
    return {
        "category": detail.get("category"),
        "tags": sorted(detail["tags"]),
        "sequential": detail["sequential"],
        "download_bps": detail["rate_limit"].get("download_bps"),
        "paused": detail["settings"]["paused"],
        "download_dir": detail["download_dir"],
        "skipped": sorted(file["path"] for file in detail["files"] if not file["selected"]),
    }


def expected_facts(entry: Entry) -> dict[str, Any]:
    """The same facts, from what was asked for at the add."""
    options = entry.options
    inner = [path.partition("/")[2] or path for path in entry.torrent.files]
    return {
        "category": options.get("category"),
        "tags": sorted(options.get("tags", [])),
        "sequential": options.get("sequential", False),
        "download_bps": options.get("max_download_bps"),
        "paused": options.get("start_paused", False),
        "download_dir": str(entry.folder),
        "skipped": sorted(path for path in inner if options.get("skip_fluff") and path.startswith("sample/")),
    }
