"""The first step: a fresh node becomes usable by a setup token, and by nothing else."""

from __future__ import annotations

import stat

import httpx

from tests.runbook.scene import Scene

PROBLEMS = "https://revaer.dev/problems/"


async def bootstrap(scene: Scene) -> None:
    """Start a node on an empty directory and set it up in two steps, as from another machine."""
    notes = scene.notes
    await scene.start()
    closed = await scene.node.api.http.get("/v1/torrents")
    notes.equal("before the setup every call under /v1 is refused with 409", closed.status_code, 409)
    notes.equal("the refusal says that a setup is required", closed.json()["type"], f"{PROBLEMS}setup-required")
    health = await scene.node.api.health()
    notes.equal("the health page says mode setup", health["mode"], "setup")

    token = str((await scene.revaer("setup", "start", "--output", "json", private=True)).document["token"])
    await scene.ends(3, "a wrong token is refused", "setup", "complete", stdin=b"A" * 32)
    changeset = str(scene.write_changeset())
    complete = ("setup", "complete", "--file", changeset)
    await scene.succeeds("the token completes the setup", *complete, stdin=token.encode())
    await scene.ends(3, "the token works once", *complete, stdin=token.encode())

    credentials = scene.node.data_dir / "credentials.json"
    mode = stat.S_IMODE(credentials.stat().st_mode)
    notes.equal("the admin key is in credentials.json, which only its owner may read", oct(mode), oct(0o600))
    scene.take_key()
    health = await scene.node.api.health()
    notes.equal("the node is active", health["mode"], "active")
    up = {component["state"] for component in health["components"].values()}
    notes.equal("every component is up", up, {"up"})
    await scene.succeeds("commands on the node find daemon and key by themselves", "ls")
    async with httpx.AsyncClient(base_url=scene.node.url, trust_env=False, timeout=60.0) as stranger:
        answer = await stranger.get("/v1/torrents")
    notes.equal("a call without a key is refused with 401", answer.status_code, 401)
    told = {event: len(scene.node.told(event)) for event in ("setup_token_issued", "setup_token_used")}
    notes.holds("the log tells that a token was taken, and used", all(told.values()), told)
    notes.holds("the token is not in the log", token not in scene.node.log.read_text(), "it is")
