"""From an add to an entry of the library, with every event on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from tests.runbook.payloads import digests, film_entry, make_film
from tests.runbook.scene import Scene
from tests.support.payloads import MIB
from tests.support.watching import until_complete

FILM = "Film"
PACE = 4 * MIB


async def add(scene: Scene) -> None:
    """Add a torrent, the same again, and something that is none."""
    film = await trio.to_thread.run_sync(make_film, scene.seeds)
    key = await scene.add(film, "--start-paused", "--skip-fluff", "--category", "films", "--tag", "new,runbook")
    path = str(scene.folder / f"{FILM}.torrent")
    again = await scene.ends(2, "the same torrent again is refused, with exit code 2", "add", path)
    scene.notes.holds("the refusal names the torrent that is there", key in again.err, again.err)
    await scene.ends(2, "what is no torrent is refused, with exit code 2", "add", "-", stdin=b"d4:spam4:eggse")
    rows = (await scene.revaer("ls", "--output", "json")).document["torrents"]
    scene.notes.equal("the list has this torrent and no other", [row["id"] for row in rows], [key])
    scene.notes.equal("it waits, as was asked for", rows[0]["state"]["kind"], "stopped")
    scene.notes.equal("its labels are there", (rows[0]["category"], rows[0]["tags"]), ("films", ["new", "runbook"]))
    files = (await scene.revaer("files", key, "--output", "json")).document["files"]
    left_out = [file["path"] for file in files if not file["selected"]]
    scene.notes.holds("just the sample is left out", left_out == ["Sample/sample.mkv"], left_out)


async def events(scene: Scene) -> None:
    """Follow the torrent while it downloads, then have the same events replayed."""
    notes, key = scene.notes, scene.keys[FILM]
    await scene.seeder.limit(PACE)
    path = notes.folder / "tail.jsonl"
    async with _tail(scene, path, "--torrent", key):
        await scene.succeeds("the torrent is resumed", "action", key, "resume")
        await notes.until(
            "`revaer tail` shows the download to its end, and post-processing too",
            lambda: {"completed", "fsops_completed"} <= {_kind(item) for item in _read(path)},
            lambda: [_kind(item) for item in _read(path)],
            within=120,
        )
    seen = _read(path)
    kinds = [_kind(item) for item in seen]
    notes.holds("there was progress on the way", "progress" in kinds, kinds)
    places = [kinds.index(kind) for kind in ("state_changed", "completed", "fsops_started", "fsops_completed")]
    notes.holds("state_changed, completed, fsops_started, fsops_completed come in this order", places == sorted(places))
    order = [tuple(map(int, item["id"].split("-"))) for item in seen]
    notes.holds("ids only grow", order == sorted(set(order)), [item["id"] for item in seen])
    durable = [item for item in seen if _kind(item) not in ("progress", "fsops_progress")]
    for way in ((), ("--ws",)):
        await _replayed(scene, key, durable, *way)


async def _replayed(scene: Scene, key: str, durable: list[dict[str, Any]], *way: str) -> None:
    """All that is after the first event comes again, from the journal."""
    wanted = [item["id"] for item in durable[1:]]
    since = ("--since", durable[0]["id"], "--count", str(len(wanted)), "--output", "json")
    kinds = ",".join(sorted({_kind(item) for item in durable}))
    again = await scene.revaer("tail", "--torrent", key, "--event", kinds, *since, *way)
    found = [json.loads(line)["id"] for line in again.expect().out.splitlines()]
    by = "WebSocket" if way else "server-sent events"
    scene.notes.holds(f"the same events are replayed by {by}", found == wanted, f"{found} and not {wanted}")


async def processing(scene: Scene) -> None:
    """The download is an entry of the library, and still seeds."""
    notes, key = scene.notes, scene.keys[FILM]
    await scene.succeeds("`revaer status --follow` ends with the torrent complete", "status", key, "--follow")
    detail = await until_complete(scene.node, key, within=120)
    entry = scene.library / FILM
    notes.equal("the torrent seeds", detail["state"]["kind"], "seeding")
    notes.equal("it names its entry of the library", detail["library_path"], str(entry))
    found = await trio.to_thread.run_sync(digests, entry)
    notes.equal("the entry has what was in the archive and beside it, bit for bit, and no sample", found, film_entry())
    source = scene.downloads / FILM / "about.nfo"
    notes.holds("what was not packed takes no further room", source.samefile(entry / "about.nfo"), "a copy")
    given, kept = scene.seeds / FILM / "film.zip", scene.downloads / FILM / "film.zip"
    notes.holds("what seeds is untouched", given.read_bytes() == kept.read_bytes(), "film.zip differs")
    job = (await scene.revaer("fsops", "show", key, "--output", "json")).document
    notes.equal("the job is completed", job["state"], "completed")
    outcomes = {step["name"]: step["outcome"] for step in job["steps"]}
    bad = {name: outcome for name, outcome in outcomes.items() if outcome == "failed"}
    notes.holds(f"none of its {len(outcomes)} steps failed", not bad, bad)
    await scene.succeeds("the library hashes to what was published", "fsops", "verify")


def _kind(envelope: dict[str, Any]) -> str:
    return str(envelope["event"]["type"])


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


@asynccontextmanager
async def _tail(scene: Scene, path: Path, *options: str) -> AsyncIterator[None]:
    """Run `revaer tail` for the length of a block; it has subscribed when the block begins."""

    async def subscribers() -> float:
        return await scene.node.api.metric("revaer_event_subscribers", transport="sse")

    before = await subscribers()
    command = [sys.executable, "-m", "revaer.cli.main", "--data-dir", str(scene.node.data_dir), "tail"]
    with path.open("wb") as stream:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                partial(
                    trio.run_process,
                    [*command, "--output", "json", *options],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
            )

            async def subscribed() -> bool:
                return await subscribers() > before

            await scene.notes.until("`revaer tail` counts as a subscriber", subscribed)
            yield
            nursery.cancel_scope.cancel()
