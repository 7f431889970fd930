"""The actors of the control plane crash, each in turn: the others go on, and afterwards everything holds again."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.inprocess import Tree, open_tree
from tests.support.waiting import eventually

CONTROL = ("config", "setup", "settings", "throttle")


async def test_every_actor_of_the_control_plane_may_crash(home: Path, fresh_database_url: str) -> None:
    async with open_tree(home / "node", database_url=fresh_database_url, engine="simulated") as tree:
        for number, name in enumerate(CONTROL, start=1):
            tree.supervisor.crash(name, RuntimeError("the drill's own fault"))
            meanwhile = await tree.api.http.get("/v1/torrents")
            assert meanwhile.status_code == 200, "transfers and lists go on"

            await eventually(lambda: len(tree.restarts) == number, f"the restart of {name}")  # noqa: B023
            cap = 1_000_000 * number
            answer = await patch_when_up(tree, cap)
            assert answer.status_code == 200, answer.text
            await eventually(lambda: holds(tree, cap, number), f"{cap} B/s in the engine after {name}")  # noqa: B023

        assert [restart[:2] for restart in tree.restarts] == [(name, 2) for name in CONTROL]
        await eventually(lambda: all_up(tree), "everything up")


async def patch_when_up(tree: Tree, cap: int) -> httpx.Response:
    """Change the caps; refusals for the moment are waited out."""
    patch = {"engine_profile": {"max_download_bps": cap, "max_upload_bps": cap}}
    answers: list[httpx.Response] = []

    async def accepted() -> bool:
        answers.append(await tree.api.http.patch("/v1/config", json=patch))
        return answers[-1].status_code != 503

    await eventually(accepted, "the patch")
    return answers[-1]


async def holds(tree: Tree, cap: int, number: int) -> bool:
    """Whether the governor has brought this many changes into the engine, and the guard rails of caps are clear."""
    health = await tree.api.health()
    tripped = {one["guardrail"] for one in health["guardrails"]}
    applied = await tree.api.metric("revaer_config_apply_seconds_count", consumer="throttle")
    return cap > 0 and applied >= number and not tripped & {"global_download_cap", "global_upload_cap"}


async def all_up(tree: Tree) -> bool:
    """Whether every component of the control plane is up."""
    components = (await tree.api.health())["components"]
    return all(components[name]["state"] == "up" for name in (*CONTROL, "config_watcher"))
