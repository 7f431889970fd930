"""What the session asks of an engine: every setting, in our words. Checked in `revaer.session.settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from revaer.session.address_ranges import AddressRanges


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy for trackers and peers.

    Attributes:
        kind: `socks4`, `socks5` or `http`.
        host: name or address.
        port: port, 1 to 65535.
        username: empty for none.
        password: empty for none.
        peers: whether connections to peers use it.
        trackers: whether announces and web seeds use it.
        hostnames: whether it looks names up, instead of this host.
    """

    kind: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    peers: bool = True
    trackers: bool = True
    hostnames: bool = True


@dataclass(frozen=True, slots=True)
class PeerClass:
    """Peers of some networks that share caps of their own, within the global ones.

    Attributes:
        name: what to call it.
        networks: its networks, as CIDRs.
        max_download_bps: cap on receiving from it, bytes per second; None or 0 is none.
        max_upload_bps: cap on sending to it, bytes per second; None or 0 is none.
        download_priority: its share of the download rate relative to others, 1 to 255.
        upload_priority: its share of the upload rate relative to others, 1 to 255.
        connection_limit_factor: how much of the connection limits it may use, percent, 1 to 10000.
        ignore_unchoke_slots: whether its peers are served beyond the unchoke slots.
    """

    name: str
    networks: tuple[str, ...]
    max_download_bps: int | None = None
    max_upload_bps: int | None = None
    download_priority: int = 1
    upload_priority: int = 1
    connection_limit_factor: int = 100
    ignore_unchoke_slots: bool = False


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an engine shall be like. Sizes in bytes, rates in bytes per second; a rate of None or 0 is unlimited.

    Attributes:
        listen: where peers may connect to, each as `host:port`; the host is an address or a network interface, port 0
            is any free one.
        outgoing_interface: the address or interface that everything leaves by, and nothing when it is not there; empty
            leaves the way to the system.
        offline: whether there is no traffic at all: nothing is listened on, nobody is called.
        ipv6: `disabled`, `enabled`, or `prefer_v6`, which listens by IPv6 first.
        outgoing_ports: first and last port that connections are made from; None leaves that to the system.
        peer_dscp: differentiated services code point of packets to peers, 0 to 63.
        dht_bootstrap_nodes: nodes as `host:port` by which the distributed hash table is entered.
        encryption: `require`, `prefer` or `disable`.
        user_agent: the name told to trackers; empty is ours.
        announce_ip: the address told to trackers; None lets them see for themselves.
        verify_tls: whether certificates of trackers and web seeds are checked.
        extra_trackers: added to every torrent that is not private.
        connections_limit_per_torrent: peers of a torrent that has no limit of its own; None is unlimited.
        choking_algorithm: `fixed_slots` or `rate_based`.
        seed_choking_algorithm: `round_robin`, `fastest_upload` or `anti_leech`.
        dont_count_slow_torrents: whether idle torrents take no place among the active ones.
        limit_local_peers: whether the global caps bind peers on the local network too.
        blocked_networks: who is never a peer, each a CIDR, an address, or a range written `first-last`.
        blocklist_url: where a longer list of such networks is fetched; empty is nowhere.
        blocklist_refresh: seconds between two fetches.
        blocklist: what was fetched; the session fills it in.
        peer_classes: networks with caps of their own; the first that fits counts.
        disk_io: how files are read and written: `pread`, `mmap` or `posix`. Fixed once the engine runs.
        max_queued_disk_bytes: received bytes that may wait for the disk.
        expected_torrents: how many torrents to make room for.
        extra: settings by the engine's own names, for tuning and tests.
    """

    listen: tuple[str, ...] = ("0.0.0.0:6881", "[::]:6881")
    outgoing_interface: str = ""
    offline: bool = False
    ipv6: str = "enabled"
    outgoing_ports: tuple[int, int] | None = None
    peer_dscp: int = 1
    dht: bool = True
    dht_bootstrap_nodes: tuple[str, ...] = ("dht.libtorrent.org:25401",)
    lsd: bool = True
    upnp: bool = True
    natpmp: bool = True
    pex: bool = True
    utp_in: bool = True
    utp_out: bool = True
    encryption: str = "prefer"
    anonymous: bool = False
    user_agent: str = ""
    announce_ip: str | None = None
    verify_tls: bool = True
    extra_trackers: tuple[str, ...] = ()
    proxy: Proxy | None = None
    max_download_bps: int | None = None
    max_upload_bps: int | None = None
    connections_limit: int = 2000
    connections_limit_per_torrent: int | None = None
    unchoke_slots: int = -1
    choking_algorithm: str = "fixed_slots"
    seed_choking_algorithm: str = "round_robin"
    max_active_downloads: int = -1
    max_active_seeds: int = -1
    max_active: int = -1
    dont_count_slow_torrents: bool = True
    limit_local_peers: bool = False
    blocked_networks: tuple[str, ...] = ()
    blocklist_url: str = ""
    blocklist_refresh: float = 86_400.0
    blocklist: AddressRanges | None = None
    peer_classes: tuple[PeerClass, ...] = ()
    disk_io: str = "pread"
    max_queued_disk_bytes: int = 100 * 1024 * 1024
    expected_torrents: int = 20_000
    extra: Mapping[str, int | bool | str] = field(default_factory=dict)
