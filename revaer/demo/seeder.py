"""The other side of the demonstration, in a process of its own: `python -m revaer.demo.seeder METAINFO FOLDER RATE`.

It seeds one torrent on loopback and runs the tracker that leads to it. When both are ready it writes one line of JSON
to standard output. It ends when its standard input does, so it never outlives the process that started it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from revaer.demo.tracker import Tracker
from revaer.session.libtorrent_engine import open_libtorrent
from revaer.session.port import AddSpec, Engine, EngineClosed, EngineSettings
from revaer.types import new_torrent_id

_LISTEN_WITHIN = 15.0


def loopback_settings(rate: int) -> EngineSettings:
    """Settings of an engine that talks to this machine only, and uploads at most `rate` bytes per second."""
    return EngineSettings(
        listen=("127.0.0.1:0",),
        outgoing_interface="127.0.0.1",
        dht=False,
        lsd=False,
        upnp=False,
        natpmp=False,
        utp_in=False,
        utp_out=False,
        max_upload_bps=rate,
        limit_local_peers=True,
        expected_torrents=1,
        # Shares the rate out in small steps: the bar moves evenly.
        extra={"tick_interval": 50},
    )


async def seed(metainfo: bytes, folder: Path, rate: int) -> None:
    """Seed until standard input ends. `folder` holds the payload's folder; `rate` in bytes per second."""
    tracker = Tracker()
    async with trio.open_nursery() as nursery:
        await nursery.start(tracker.serve)
        engine = await open_libtorrent(loopback_settings(rate), state_dir=folder)
        try:
            listening = trio.Event()
            nursery.start_soon(_drain, engine, listening)
            with trio.fail_after(_LISTEN_WITHIN):
                await listening.wait()
            spec = AddSpec(
                torrent_id=new_torrent_id(),
                download_dir=str(folder),
                metainfo=metainfo,
                seed_mode=True,
                trackers=(tracker.url,),
            )
            await engine.add(spec)
            sys.stdout.write(
                json.dumps({"event": "ready", "tracker": tracker.url, "address": engine.listening()[0]}) + "\n"
            )
            sys.stdout.flush()
            await _end_of_input()
        finally:
            with trio.CancelScope(shield=True):
                await engine.close(within=1.0)
            nursery.cancel_scope.cancel()


async def _drain(engine: Engine, listening: trio.Event) -> None:
    """Take what the engine tells; only that it listens is of interest here."""
    try:
        while True:
            await engine.next_events()
            if engine.listening():
                listening.set()
    except EngineClosed:
        return


async def _end_of_input() -> None:
    stdin = trio.lowlevel.FdStream(sys.stdin.fileno())
    while await stdin.receive_some(4096):
        continue


def main(arguments: Sequence[str]) -> int:
    """Run the process; the arguments are the `.torrent`, the folder of the payload, and bytes per second."""
    metainfo, folder, rate = arguments
    trio.run(seed, Path(metainfo).read_bytes(), Path(folder), int(rate))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
