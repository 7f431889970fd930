"""Waiting until a daemon has come so far with a torrent. When it does not, the end of its log is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.daemon import Daemon
from tests.support.payloads import Torrent
from tests.support.waiting import eventually

WHOLE = frozenset({"seeding", "completed"})
"""States of a torrent that has everything that is wanted."""

UNDECIDED = frozenset({"checking", "queued"})
"""States of a torrent of an earlier run that is still being looked at."""


async def add(node: Daemon, torrent: Torrent, **options: Any) -> str:
    """Add a torrent that must be accepted; returns its id."""
    answer = await node.api.add(torrent.metainfo, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def until_complete(node: Daemon, key: str, *, within: float = 30.0) -> dict[str, Any]:
    """Wait for everything wanted; returns the detail. `failed` is no reason to give up."""
    return await _until(node, key, lambda detail: detail["state"]["kind"] in WHOLE, "complete", within)


async def until_failed(node: Daemon, key: str, *, within: float = 30.0) -> dict[str, Any]:
    """Wait until the torrent has failed; returns the detail, whose state has a message."""
    detail = await _until(node, key, lambda detail: detail["state"]["kind"] == "failed", "failed", within)
    assert detail["state"]["message"]
    return detail


async def until_settled(node: Daemon, key: str, *, within: float = 30.0) -> dict[str, Any]:
    """Wait until nothing is checked any more and the torrent has not failed; returns the detail."""
    unsettled = UNDECIDED | {"failed"}
    return await _until(node, key, lambda detail: detail["state"]["kind"] not in unsettled, "settled", within)


async def until_verified(node: Daemon, key: str, amount: int, *, within: float = 30.0) -> int:
    """Wait until so many bytes are verified in whole pieces; returns how many are."""
    detail = await _until(node, key, lambda detail: verified_bytes(detail) >= amount, f"{amount} verified", within)
    return verified_bytes(detail)


async def until_component(node: Daemon, name: str, state: str, *, within: float = 20.0) -> dict[str, Any]:
    """Wait until a component of the health page is in a state; returns it."""
    seen: dict[str, Any] = {}

    async def there() -> bool:
        seen.update(await node.api.component(name))
        return bool(seen["state"] == state)

    await eventually(there, lambda: f"{name} {state}, it is {seen}\n{node.log_tail()}", within=within, every=0.05)
    return seen


async def until_listed(node: Daemon, count: int, *, within: float = 20.0) -> list[dict[str, Any]]:
    """Wait until the list has so many torrents; returns it."""
    rows: list[dict[str, Any]] = []

    async def there() -> bool:
        rows[:] = await node.api.all()
        return len(rows) == count

    await eventually(there, lambda: f"{count} listed, there are {len(rows)}\n{node.log_tail()}", within=within)
    return rows


async def until_loaded(node: Daemon, *, within: float = 20.0) -> list[dict[str, Any]]:
    """Wait until the list of a started daemon says that it is whole; returns it."""

    async def loaded() -> bool:
        return "loading" not in (await node.api.http.get("/v1/torrents", params={"limit": "1"})).json()

    await eventually(loaded, lambda: f"the whole list\n{node.log_tail()}", within=within)
    return await node.api.all()


def verified_bytes(detail: Mapping[str, Any]) -> int:
    """The verified bytes of all files of a detail: whole pieces only."""
    return sum(int(file["bytes_completed"]) for file in detail["files"])


async def _until(node: Daemon, key: str, right: Any, what: str, within: float) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def there() -> bool:
        seen.clear()
        seen.update(await node.api.detail(key))
        return bool(right(seen))

    def complaint() -> str:
        return f"{what}: {seen['state']} {seen['progress']} {seen['files']}\n{node.log_tail()}"

    await eventually(there, complaint, within=within, every=0.05)
    return seen
