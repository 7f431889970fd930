"""The node itself: its name, its API listener, who may call, and what it tells about itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from revaer.config.documents.base import Document
from revaer.config.documents.kinds import Directory, Host, Interface, Network, Origin, Port, ShortText, WebUrl, distinct

LockName = Annotated[
    str,
    Field(pattern=r"^[a-z_]{1,64}(\.(\*|[A-Za-z0-9_.-]{1,64}))?$", max_length=130),
]


class Tls(Document):
    """The certificate of the API listener."""

    cert_file: Directory = Field(description="Absolute path of the PEM file with the certificate and its chain.")
    key_file: Directory = Field(description="Absolute path of the PEM file with the private key, without passphrase.")


class Telemetry(Document):
    """Logs and traces."""

    level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        default="info", description="The least severe log lines that are written."
    )
    format: Literal["json", "console"] = Field(
        default="json", description="Form of the log: one JSON object per line, or lines for people."
    )
    otel_enabled: bool = Field(default=False, description="Whether traces are sent by OpenTelemetry.")
    otel_service_name: Annotated[ShortText, Field(min_length=1)] = Field(
        default="revaer", description="Service name in traces, 1 to 128 characters."
    )
    otel_endpoint: WebUrl | None = Field(
        default=None, description="URL of the OTLP collector, needed when traces are on; at most 512 characters."
    )


class AppProfile(Document):
    """The node itself and its API listener."""

    instance_name: Annotated[ShortText, Field(min_length=1)] = Field(
        default="revaer", description="The node's name, 1 to 128 characters."
    )
    mode: Literal["setup", "active"] = Field(
        default="setup",
        description="Whether the node waits for its setup; only setup and factory reset change it.",
    )
    auth_mode: Literal["api_key", "none"] = Field(
        default="api_key", description="Whether calls need a key; none lets callers in local_networks do everything."
    )
    bind_addr: Interface = Field(
        default="127.0.0.1", description="Address or interface of the API listener; loopback while in setup."
    )
    http_port: Port = Field(default=7070, description="Port of the API listener, 0 to 65535; 0 is any free one.")
    tls: Tls | None = Field(default=None, description="Certificate of the API listener; null is plain HTTP.")
    local_networks: Annotated[list[Network], Field(max_length=64), AfterValidator(distinct)] = Field(
        default=["127.0.0.0/8", "::1/128"],
        description="Networks whose callers need no key when auth_mode is none, at most 64.",
    )
    trusted_proxies: Annotated[list[Network], Field(max_length=64), AfterValidator(distinct)] = Field(
        default=[], description="Addresses or networks of proxies whose X-Forwarded-For is believed, at most 64."
    )
    allowed_hosts: Annotated[list[Host], Field(max_length=64), AfterValidator(distinct)] = Field(
        default=[],
        description="Host names accepted in requests besides loopback and the bind address, at most 64.",
    )
    allowed_origins: Annotated[list[Origin], Field(max_length=64), AfterValidator(distinct)] = Field(
        default=[], description="Origins whose pages may call the API, at most 64; none means no CORS at all."
    )
    telemetry: Telemetry = Field(default=Telemetry(), description="What the node writes down of its work.")
    immutable_keys: Annotated[list[LockName], Field(max_length=256), AfterValidator(distinct)] = Field(
        default=[],
        description="Locked settings as document, document.field or document.*, at most 256; "
        "only the command line on the node takes a lock away.",
    )
