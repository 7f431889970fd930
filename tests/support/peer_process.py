"""A bare libtorrent session in a process of its own: seeder or leecher of the tests and benchmarks.

Started as `python peer_process.py '{"listen": "127.0.0.1:0", …}'`. It reads one JSON object per line from its input
and answers each with one line; it ends at the end of its input. No part of the product is used.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import libtorrent as lt

SETTINGS: dict[str, Any] = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "webtorrent_stun_server": "",
    "outgoing_interfaces": "127.0.0.1",
    "allow_multiple_connections_per_ip": True,
    "in_enc_policy": 2,
    "out_enc_policy": 2,
    "smooth_connects": False,
    "connection_speed": 500,
    "min_reconnect_time": 1,
    "unchoke_slots_limit": -1,
    "active_downloads": -1,
    "active_seeds": -1,
    "active_limit": -1,
    "connections_limit": 4000,
    "min_announce_interval": 1,
    "alert_queue_size": 100_000,
    "announce_to_all_trackers": True,
    "max_concurrent_http_announces": 500,
    "stop_tracker_timeout": 1,
    "tick_interval": 100,
}
"""TCP on loopback only, nothing that leaves the machine, no queueing. pe_disabled (2) avoids encryption's cost."""

FIRST_DATA = 4 << 20
"""With one torrent, the moment at which this many bytes were moved is noted."""


def open_session(options: dict[str, Any]) -> lt.session:
    """Make the session; `options["settings"]` overrides, `upload_rate` caps it in bytes per second."""
    settings = {**SETTINGS, "listen_interfaces": options.get("listen", "127.0.0.1:0"), **options.get("settings", {})}
    settings["alert_mask"] = int(lt.alert.category_t.error_notification | lt.alert.category_t.status_notification)
    session: lt.session = lt.session(cast("lt.settings_pack", settings))
    everyone = lt.ip_filter()
    everyone.add_rule("0.0.0.0", "255.255.255.255", 1 << session.global_peer_class_id)
    session.set_peer_class_filter(everyone)
    if options.get("upload_rate"):
        session.apply_settings({"upload_rate_limit": int(options["upload_rate"])})
    return session


class Peer:
    """The session with the torrents it was given."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.session = open_session(options)
        self.torrents: dict[str, lt.torrent_handle] = {}
        self.finished_at: dict[str, float] = {}
        self.first_data_at = 0.0

    def add(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Add torrents: `torrent` names a file, `seed` trusts that the payload is whole, `trackers` replace its own."""
        for item in items:
            parameters = lt.load_torrent_file(item["torrent"])
            parameters.save_path = item["save_path"]
            parameters.trackers = item.get("trackers", [])
            parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
            if item.get("paused"):
                parameters.flags |= lt.torrent_flags.paused
            if item.get("seed"):
                parameters.flags |= lt.torrent_flags.seed_mode
            handle = self.session.add_torrent(parameters)
            self.torrents[str(handle.info_hashes().v1)] = handle
        return {"torrents": len(self.torrents)}

    def status(self) -> dict[str, Any]:
        """What was transferred so far: payload bytes of all torrents, and which are complete."""
        statuses = [handle.status() for handle in self.torrents.values()]
        return {
            "uploaded": sum(status.total_payload_upload for status in statuses),
            "downloaded": sum(status.total_payload_download for status in statuses),
            "done": sum(status.total_done for status in statuses),
            "seeding": sum(bool(status.is_seeding) for status in statuses),
            "peers": sum(status.num_peers for status in statuses),
            "finished_at": self.finished_at,
            "first_data_at": self.first_data_at,
            "now": time.time(),
        }

    def notice(self) -> None:
        """Note when torrents finish and when the first data comes, by this machine's clock."""
        for alert in self.session.pop_alerts():
            if isinstance(alert, lt.torrent_finished_alert):
                self.finished_at[str(alert.handle.info_hashes().v1)] = time.time()
        if not self.first_data_at and len(self.torrents) == 1:
            status = next(iter(self.torrents.values())).status()
            if status.total_payload_upload + status.total_payload_download >= FIRST_DATA:
                self.first_data_at = time.time()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one line asks for."""
        match request["op"]:
            case "add":
                return self.add(request["items"])
            case "connect":
                self.torrents[request["info_hash"]].connect_peer(("127.0.0.1", request["port"]))
            case "rate":
                self.session.apply_settings({"upload_rate_limit": int(request["upload_rate"])})
            case "settings":
                self.session.apply_settings(cast("lt.settings_pack", request["settings"]))
            case "sample":
                return {"samples": sample(request["seconds"], request["every"])}
            case "pause":
                self.session.pause()
            case "resume":
                self.session.resume()
            case "status":
                self.notice()
                return self.status()
            case _:
                return {"error": f"unknown: {request['op']}"}
        return {}


def sample(seconds: float, every: float) -> list[tuple[float, int]]:
    """Note again and again, by the monotonic clock, how many bytes the peers on this machine have read of what was sent
    to them: what their kernel has acknowledged, but for what still waits in their socket."""
    samples = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        samples.append((time.monotonic(), read_by_peers()))
        time.sleep(every)
    return samples


def read_by_peers() -> int:
    """Bytes that peers have read off the other ends of this process's connections."""
    waiting = {(fields[1], fields[2]): int(fields[4].partition(":")[2], 16) for fields in tcp_table()}
    total = 0
    for ours, theirs, acknowledged in connections():
        total += acknowledged - waiting.get((theirs, ours), 0)
    return total


def tcp_table() -> Iterator[list[str]]:
    """The fields of every IPv4 connection of this machine."""
    with Path("/proc/net/tcp").open(encoding="ascii") as table:
        next(table)
        for line in table:
            yield line.split()


def connections() -> Iterator[tuple[str, str, int]]:
    """This process's TCP connections: both addresses as the kernel writes them, and the bytes acknowledged."""
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as one:
                if one.family == socket.AF_INET and one.type == socket.SOCK_STREAM:
                    info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
                    yield as_written(one.getsockname()), as_written(one.getpeername()), acknowledged(info)
        except OSError:  # closed meanwhile, or a listener
            continue


def as_written(address: tuple[str, int]) -> str:
    """An IPv4 address as in /proc/net/tcp."""
    return f"{struct.unpack('=I', socket.inet_aton(address[0]))[0]:08X}:{address[1]:04X}"


def acknowledged(info: bytes) -> int:
    """`tcpi_bytes_acked` of a `tcp_info`."""
    return int(struct.unpack_from("=Q", info, 120)[0])


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; whoever started this ends it
    peer = Peer(json.loads(sys.argv[1]))
    while peer.session.listen_port() == 0:
        time.sleep(0.005)
    print(json.dumps({"port": peer.session.listen_port()}), flush=True)
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], 0.005 if peer.torrents else 0.2)
        peer.notice()
        if not readable:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        print(json.dumps(peer.answer(json.loads(line))), flush=True)
    peer.session.pause()


if __name__ == "__main__":
    main()
