"""Programs that own torrents before Revaer does: started on a fresh profile, told what to add, stopped in order."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.peers.foreign import free_port
from tests.support.waiting import eventually

PATIENCE = 60.0

QBITTORRENT = """\
[LegalNotice]
Accepted=true
[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\Port={peers}
Session\\InterfaceAddress=127.0.0.1
Session\\QueueingSystemEnabled=false
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Enabled=true
WebUI\\LocalHostAuth=false
WebUI\\Port={web}
WebUI\\UseUPnP=false
"""


class QBittorrent:
    """A running qBittorrent, by its Web API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def add(self, metainfo: bytes, directory: Path, **options: str) -> None:
        """Add a `.torrent`; what lies in the directory is checked."""
        files = {"torrents": ("one.torrent", metainfo, "application/x-bittorrent")}
        data = {"savepath": str(directory), "paused": "true", **options}
        (await self._http.post("/api/v2/torrents/add", files=files, data=data)).raise_for_status()

    async def add_link(self, magnet: str, directory: Path) -> None:
        """Add a magnet link."""
        data = {"urls": magnet, "savepath": str(directory), "paused": "true"}
        (await self._http.post("/api/v2/torrents/add", data=data)).raise_for_status()

    async def call(self, path: str, **data: str) -> None:
        """POST to the Web API."""
        (await self._http.post(f"/api/v2/{path}", data=data)).raise_for_status()

    async def rows(self) -> dict[str, dict[str, Any]]:
        """What it shows, by info-hash."""
        answer = await self._http.get("/api/v2/torrents/info")
        return {row["hash"]: row for row in answer.json()}

    async def check(self, shares: dict[str, float]) -> None:
        """Have torrents checked, and wait until they rest with this share of what is wanted."""
        await eventually(lambda: self._are_there(shares), "the torrents are there", within=PATIENCE)
        await self.call("torrents/recheck", hashes="|".join(shares))

        async def rests() -> bool:
            rows = await self.rows()
            resting = {one: row["progress"] for one, row in rows.items() if row["state"].startswith("paused")}
            return all(abs(resting.get(one, -1) - share) < 0.05 for one, share in shares.items())

        await eventually(rests, "the torrents rest", within=PATIENCE)

    async def _are_there(self, shares: dict[str, float]) -> bool:
        return shares.keys() <= (await self.rows()).keys()


@asynccontextmanager
async def open_qbittorrent(home: Path) -> AsyncIterator[QBittorrent]:
    """Run qBittorrent for the length of a block; its `BT_backup` is `home/qBittorrent/data/BT_backup`."""
    config = home / "qBittorrent" / "config"
    config.mkdir(parents=True)
    web = free_port()
    (config / "qBittorrent.conf").write_text(QBITTORRENT.format(web=web, peers=free_port()))
    command = ["qbittorrent-nox", f"--profile={home}"]
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{web}", timeout=20) as http,
        _running(command, home / "log", lambda: _answers(http, "/api/v2/app/version")),
    ):
        yield QBittorrent(http)


class Transmission:
    """A running Transmission, by its RPC."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Make one call."""
        body = {"method": method, "arguments": {name.replace("_", "-"): value for name, value in arguments.items()}}
        answer = await self._http.post("/transmission/rpc", json=body)
        if answer.status_code == 409:
            self._http.headers["x-transmission-session-id"] = answer.headers["x-transmission-session-id"]
            answer = await self._http.post("/transmission/rpc", json=body)
        document = answer.json()
        assert document["result"] == "success", document
        found: dict[str, Any] = document["arguments"]
        return found

    async def add(self, metainfo: bytes, directory: Path, **arguments: Any) -> int:
        """Add a `.torrent`, paused, have what lies in the directory checked, and return its number."""
        coded = base64.b64encode(metainfo).decode()
        added = await self.call("torrent-add", metainfo=coded, download_dir=str(directory), paused=True)
        number = int(added["torrent-added"]["id"])
        if arguments:
            await self.call("torrent-set", ids=[number], **arguments)
        await self.call("torrent-verify", ids=[number])
        return number

    async def until_checked(self, shares: dict[int, float]) -> None:
        """Wait until torrents rest with this share of what is wanted."""

        async def rests() -> bool:
            rows = (await self.call("torrent-get", fields=["id", "status", "percentDone"]))["torrents"]
            found = {row["id"]: row["percentDone"] for row in rows if row["status"] == 0}
            return all(abs(found.get(number, -1) - share) < 0.05 for number, share in shares.items())

        await eventually(rests, "the torrents rest", within=PATIENCE)


@asynccontextmanager
async def open_transmission(home: Path) -> AsyncIterator[Transmission]:
    """Run Transmission for the length of a block; its configuration directory is `home`."""
    await trio.Path(home).mkdir(parents=True)
    web = free_port()
    settings = {
        "bind-address-ipv4": "127.0.0.1",
        "bind-address-ipv6": "::1",
        "dht-enabled": False,
        "lpd-enabled": False,
        "peer-port": free_port(),
        "pex-enabled": False,
        "port-forwarding-enabled": False,
        "rpc-bind-address": "127.0.0.1",
        "rpc-enabled": True,
        "rpc-port": web,
        "rpc-whitelist-enabled": False,
        "utp-enabled": False,
    }
    (home / "settings.json").write_text(json.dumps(settings))
    command = ["transmission-daemon", "--foreground", "--config-dir", str(home)]
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{web}", timeout=20) as http,
        _running(command, home / "log", lambda: _answers(http, "/transmission/rpc")),
    ):
        yield Transmission(http)


async def _answers(http: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await http.get(path)).status_code in {200, 409}
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def _running(command: Sequence[str], log: Path, is_up: Any) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        await eventually(is_up, lambda: log.read_text(errors="replace"), within=PATIENCE)
        yield
        process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE):
            await process.wait()
    finally:
        with trio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.wait()
