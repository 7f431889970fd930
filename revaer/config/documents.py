"""The configuration documents as models: every field with its unit, default and bound. Unknown fields are refused."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

RATE_CEILING = 2_147_483_647
"""The largest rate in bytes per second that the engine's 32-bit settings hold."""

Rate = Annotated[int, Field(ge=0, le=RATE_CEILING)]
Port = Annotated[int, Field(ge=0, le=65_535)]


def _interface(text: str) -> str:
    """Accept an IP address or the name of a network interface."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not text or len(text) > 15 or any(c.isspace() or c in "/:," for c in text):
            raise ValueError("is neither an IP address nor an interface name (at most 15 characters)") from None
    return text


Interface = Annotated[str, AfterValidator(_interface)]


class Document(BaseModel):
    """Base of every document."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EngineProfile(Document):
    """How the BitTorrent engine reaches the network and how much it may use."""

    listen_interfaces: Annotated[list[Interface], Field(min_length=1, max_length=16)] = Field(
        default=["0.0.0.0", "::"],  # noqa: S104 (peers come from the network; the API does not listen here)
        description="Addresses or interfaces that peers may connect to.",
    )
    listen_port: Port = Field(default=6881, description="Port for peers; 0 is any free one.")
    anonymous_mode: bool = Field(default=False, description="Tell peers and trackers as little as possible.")
    dht: bool = Field(default=True, description="Find peers by the distributed hash table.")
    lsd: bool = Field(default=True, description="Find peers on the local network.")
    upnp: bool = Field(default=True, description="Ask a UPnP router to forward the port.")
    natpmp: bool = Field(default=True, description="Ask a NAT-PMP router to forward the port.")
    pex: bool = Field(default=True, description="Learn peers from peers.")
    utp_in: bool = Field(default=True, description="Accept uTP connections.")
    utp_out: bool = Field(default=True, description="Make uTP connections.")
    encryption: Literal["require", "prefer", "disable"] = Field(
        default="prefer", description="Encryption towards peers."
    )
    max_active_downloads: Annotated[int, Field(ge=-1, le=1_000_000)] = Field(
        default=-1, description="Automatically managed downloads at a time; -1 is unlimited."
    )
    max_active_seeds: Annotated[int, Field(ge=-1, le=1_000_000)] = Field(
        default=-1, description="Automatically managed seeds at a time; -1 is unlimited."
    )
    max_active: Annotated[int, Field(ge=-1, le=1_000_000)] = Field(
        default=-1, description="Automatically managed torrents at a time; -1 is unlimited."
    )
    connections_limit: Annotated[int, Field(ge=2, le=65_535)] = Field(
        default=2_000, description="Peers of all torrents."
    )
    unchoke_slots: Annotated[int, Field(ge=-1, le=65_535)] = Field(
        default=-1, description="Peers served at a time; -1 is unlimited."
    )
    max_download_bps: Rate | None = Field(default=None, description="Cap on receiving, bytes per second; null is none.")
    max_upload_bps: Rate | None = Field(default=None, description="Cap on sending, bytes per second; null is none.")
    limit_local_peers: bool = Field(
        default=False, description="Whether rate caps also bind peers on the local network."
    )
    disk_io: Literal["pread", "mmap", "posix"] = Field(
        default="pread", description="How the engine reads and writes files."
    )
    max_queued_disk_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 30)] = Field(
        default=100 << 20, description="Received bytes that may wait for the disk."
    )
    user_agent: Annotated[str, Field(max_length=128)] = Field(
        default="", description="Name told to trackers; empty is ours."
    )


class AppProfile(Document):
    """The node itself and its API listener."""

    instance_name: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        default="revaer", description="The node's name."
    )
    bind_addr: Interface = Field(default="127.0.0.1", description="Address of the API listener.")
    http_port: Port = Field(default=7070, description="Port of the API listener; 0 is any free one.")
    allowed_hosts: Annotated[list[str], Field(max_length=64)] = Field(
        default=[], description="Host names accepted in requests besides loopback and the bind address."
    )


class FsPolicy(Document):
    """Where payload may be put."""

    allow_paths: Annotated[list[Annotated[str, Field(pattern=r"^/", max_length=4096)]], Field(max_length=256)] = Field(
        default=["/"], description="Absolute directories, besides the download root, below which torrents may be put."
    )


class Configuration(Document):
    """Every document of a node."""

    app_profile: AppProfile = AppProfile()
    engine_profile: EngineProfile = EngineProfile()
    fs_policy: FsPolicy = FsPolicy()
