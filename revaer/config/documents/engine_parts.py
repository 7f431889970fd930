"""The parts of the engine profile that are objects of their own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from revaer.config.documents.base import Document
from revaer.config.documents.kinds import (
    Address,
    Host,
    Network,
    Rate,
    SecretName,
    ShortText,
    TimeOfDay,
    TrackerUrl,
    WebUrl,
    Zone,
    distinct,
    unit,
)

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: list[Day] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class PortRange(Document):
    """Ports that outgoing connections are made from."""

    first: Annotated[int, Field(ge=1, le=65_535)] = Field(description="Lowest port, 1 to 65535.")
    last: Annotated[int, Field(ge=1, le=65_535)] = Field(description="Highest port, from first to 65535.")


class AltSpeedWindow(Document):
    """A part of the week, by the wall clock of a time zone."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7), AfterValidator(distinct)] = Field(
        default=_WEEK, description="Days on which the window begins; every day unless given."
    )
    start: TimeOfDay = Field(description="When it begins, HH:MM.")
    end: TimeOfDay = Field(description="When it ends, HH:MM; when not after start, on the next day.")
    timezone: Zone = Field(default="UTC", description="Time zone of the clock by its IANA name.")


class AltSpeed(Document):
    """The caps that hold instead of the usual ones inside the windows of a schedule."""

    max_download_bps: Rate | None = Field(
        default=None,
        description="Cap on receiving inside the windows, bytes per second; null keeps the usual cap, 0 is unlimited.",
    )
    max_upload_bps: Rate | None = Field(
        default=None,
        description="Cap on sending inside the windows, bytes per second; null keeps the usual cap, 0 is unlimited.",
    )
    schedule: Annotated[list[AltSpeedWindow], Field(max_length=64)] = Field(
        default=[], description="When these caps hold, at most 64 windows; windows may overlap."
    )


class Proxy(Document):
    """A proxy for trackers and peers. User name and password are kept as secrets; here are their names."""

    kind: Literal["socks4", "socks5", "http"] = Field(description="Protocol of the proxy.")
    host: Host = Field(description="Host name or IP address of the proxy.")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(description="Port of the proxy, 1 to 65535.")
    username_secret: SecretName | None = Field(default=None, description="Name of the secret with the user name.")
    password_secret: SecretName | None = Field(default=None, description="Name of the secret with the password.")
    peer_connections: bool = Field(default=True, description="Whether connections to peers use the proxy.")
    tracker_connections: bool = Field(default=True, description="Whether announces to trackers use the proxy.")
    resolve_hostnames: bool = Field(default=True, description="Whether the proxy looks host names up.")


class TrackerSettings(Document):
    """How trackers are talked to."""

    extra: Annotated[list[TrackerUrl], Field(max_length=256), AfterValidator(distinct)] = Field(
        default=[], description="Trackers added to every torrent that is not private, at most 256."
    )
    user_agent: ShortText = Field(
        default="", description="Name told to trackers, at most 128 characters; empty is ours."
    )
    announce_ip: Address | None = Field(
        default=None, description="IP address told to trackers; null lets them see for themselves."
    )
    proxy: Proxy | None = Field(default=None, description="Proxy for trackers and peers; null is none.")
    verify_tls: bool = Field(default=True, description="Whether certificates of trackers and web seeds are checked.")


class IpFilter(Document):
    """Addresses that are never peers."""

    cidrs: Annotated[list[Network], Field(max_length=10_000), AfterValidator(distinct)] = Field(
        default=[], description="Blocked networks, at most 10000; longer lists come by blocklist_url."
    )
    blocklist_url: WebUrl | None = Field(default=None, description="Where a blocklist is fetched; null is none.")
    refresh: Annotated[int, Field(ge=3_600, le=2_592_000, json_schema_extra=unit("seconds"))] = Field(
        default=86_400, description="Seconds between fetches of the blocklist, 3600 to 2592000."
    )


class PeerClass(Document):
    """Peers of some networks that share caps of their own."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", max_length=32)] = Field(
        description="Name of the class, lower case, at most 32 characters."
    )
    cidrs: Annotated[list[Network], Field(min_length=1, max_length=256), AfterValidator(distinct)] = Field(
        description="Networks whose peers belong to the class, 1 to 256."
    )
    max_download_bps: Rate | None = Field(
        default=None, description="Cap on receiving from the class, bytes per second; null or 0 is none."
    )
    max_upload_bps: Rate | None = Field(
        default=None, description="Cap on sending to the class, bytes per second; null or 0 is none."
    )
    download_priority: Annotated[int, Field(ge=1, le=255)] = Field(
        default=1, description="Share of the download rate relative to other classes, 1 to 255."
    )
    upload_priority: Annotated[int, Field(ge=1, le=255)] = Field(
        default=1, description="Share of the upload rate relative to other classes, 1 to 255."
    )
    connection_limit_factor: Annotated[int, Field(ge=1, le=10_000, json_schema_extra=unit("percent"))] = Field(
        default=100, description="How much of the connection limits the class may use, percent, 1 to 10000."
    )
    ignore_unchoke_slots: bool = Field(default=False, description="Whether its peers are served beyond unchoke_slots.")
