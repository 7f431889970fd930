"""How the BitTorrent engine reaches the network, how much it may use, and what a torrent gets unless it says more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from revaer.config.documents.base import Document
from revaer.config.documents.engine_parts import AltSpeed, IpFilter, PeerClass, PortRange, TrackerSettings
from revaer.config.documents.kinds import (
    Connections,
    Count,
    Directory,
    Endpoint,
    Interface,
    Port,
    Rate,
    Ratio,
    Seconds,
    distinct,
    unit,
)


class EngineProfile(Document):
    """How the BitTorrent engine reaches the network and how much it may use."""

    listen_interfaces: Annotated[list[Interface], Field(min_length=1, max_length=16), AfterValidator(distinct)] = Field(
        default=["0.0.0.0", "::"],  # noqa: S104 (peers come from the network; the API does not listen here)
        description="Addresses or interfaces that peers may connect to, 1 to 16. When there is just one, and no "
        "wildcard, everything leaves by it too.",
    )
    listen_port: Port = Field(default=6881, description="Port for peers, 0 to 65535; 0 is any free one.")
    ipv6_mode: Literal["disabled", "enabled", "prefer_v6"] = Field(
        default="enabled", description="Whether peers are reached by IPv6, and whether it is tried first."
    )
    anonymous_mode: bool = Field(default=False, description="Tell peers and trackers as little as possible.")
    outgoing_ports: PortRange | None = Field(
        default=None, description="Ports that connections to peers are made from; null leaves it to the system."
    )
    peer_dscp: Annotated[int, Field(ge=0, le=63)] = Field(
        default=1, description="Differentiated services code point of packets to peers, 0 to 63; 1 is lower effort."
    )
    dht: bool = Field(default=True, description="Find peers by the distributed hash table.")
    dht_bootstrap_nodes: Annotated[list[Endpoint], Field(max_length=32), AfterValidator(distinct)] = Field(
        default=["dht.libtorrent.org:25401"],
        description="Nodes as host:port by which the table is entered, at most 32.",
    )
    lsd: bool = Field(default=True, description="Find peers on the local network.")
    upnp: bool = Field(default=True, description="Ask a UPnP router to forward the port.")
    natpmp: bool = Field(default=True, description="Ask a NAT-PMP router to forward the port.")
    pex: bool = Field(default=True, description="Learn peers from peers.")
    utp_in: bool = Field(default=True, description="Accept uTP connections.")
    utp_out: bool = Field(default=True, description="Make uTP connections.")
    encryption: Literal["require", "prefer", "disable"] = Field(
        default="prefer", description="Encryption towards peers."
    )
    max_active_downloads: Count = Field(
        default=-1, description="Automatically managed downloads at a time, -1 to 1000000; -1 is unlimited."
    )
    max_active_seeds: Count = Field(
        default=-1, description="Automatically managed seeds at a time, -1 to 1000000; -1 is unlimited."
    )
    max_active: Count = Field(
        default=-1, description="Automatically managed torrents at a time, -1 to 1000000; -1 is unlimited."
    )
    connections_limit: Connections = Field(default=2_000, description="Peers of all torrents, 2 to 65535.")
    connections_limit_per_torrent: Connections | None = Field(
        default=None, description="Peers of a torrent that names no limit, 2 to 65535; null is unlimited."
    )
    unchoke_slots: Annotated[int, Field(ge=-1, le=65_535)] = Field(
        default=-1, description="Peers served at a time, -1 to 65535; -1 is unlimited."
    )
    max_download_bps: Rate | None = Field(
        default=None, description="Cap on receiving, bytes per second, 0 to 2147483647; null or 0 is none."
    )
    max_upload_bps: Rate | None = Field(
        default=None, description="Cap on sending, bytes per second, 0 to 2147483647; null or 0 is none."
    )
    limit_local_peers: bool = Field(
        default=False, description="Whether rate caps also bind peers on the local network."
    )
    seed_ratio_limit: Ratio | None = Field(
        default=None, description="Uploaded bytes per byte of payload after which seeding ends; null is never."
    )
    seed_time_limit: Seconds | None = Field(
        default=None, description="Seconds of seeding after which it ends, counted across restarts; null is never."
    )
    choking_algorithm: Literal["fixed_slots", "rate_based"] = Field(
        default="fixed_slots", description="How many peers are served: unchoke_slots, or as many as the rate feeds."
    )
    seed_choking_algorithm: Literal["round_robin", "fastest_upload", "anti_leech"] = Field(
        default="round_robin", description="Which peers a seed serves."
    )
    sequential_default: bool = Field(
        default=False, description="Whether a torrent that does not say is downloaded in order."
    )
    auto_managed: bool = Field(
        default=False, description="Whether a torrent that does not say is queued and started by the engine."
    )
    dont_count_slow_torrents: bool = Field(
        default=True, description="Whether idle torrents take no place among the active ones."
    )
    super_seeding: bool = Field(
        default=False, description="Whether a torrent that does not say is seeded by showing each piece once."
    )
    resume_dir: Directory | None = Field(
        default=None, description="Absolute directory of fast-resume records; null is resume in the data directory."
    )
    download_root: Directory | None = Field(
        default=None,
        description="Absolute directory of torrents that name none; null is downloads in the data directory.",
    )
    storage_mode: Literal["sparse", "allocate"] = Field(
        default="sparse", description="Whether files grow as pieces come, or are reserved whole."
    )
    disk_io: Literal["pread", "mmap", "posix"] = Field(
        default="pread", description="How the engine reads and writes files."
    )
    max_queued_disk_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 30, json_schema_extra=unit("bytes"))] = Field(
        default=100 << 20, description="Received bytes that may wait for the disk, 1048576 to 1073741824."
    )
    alt_speed: AltSpeed = Field(default=AltSpeed(), description="Other caps at some times of the week.")
    tracker: TrackerSettings = Field(default=TrackerSettings(), description="Announcing, and its proxy.")
    ip_filter: IpFilter = Field(default=IpFilter(), description="Addresses that are neither called nor let in.")
    peer_classes: Annotated[list[PeerClass], Field(max_length=16)] = Field(
        default=[], description="Networks whose peers have caps of their own, at most 16; the first that fits counts."
    )

    @property
    def user_agent(self) -> str:
        """The name told to trackers; empty is ours."""
        return self.tracker.user_agent
