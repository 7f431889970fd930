"""The configuration: what is in force, what a change did or would do, and the revisions."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from revaer.api.shapes.base import Count, Moment, Rate
from revaer.api.shapes.keys import Key
from revaer.config.messages import AppProfile, EngineProfile, FsPolicy, LabelPolicies, LabelPolicy


class SecretFacts(TypedDict):
    """What may be known of a secret."""

    updated_at: Moment
    """When its value was set."""


class DerivedEndpoint(TypedDict):
    """Where the API listens."""

    endpoint: str
    """`host:port`."""
    tls: bool


class DerivedRoots(TypedDict):
    """The directories in use."""

    download_root: str
    resume_dir: str
    library_root: str


class Derived(TypedDict):
    """What follows from the documents."""

    listen_endpoints: list[str]
    """Where peers may connect to, each `host:port`."""
    outgoing_interface: str
    """The address or interface that connections leave by; empty leaves it to the system."""
    utp: bool
    max_download_bps: Rate | None
    """The cap in force; null is none."""
    max_upload_bps: Rate | None
    keys_needed: bool
    """Whether calls need a key."""
    api: DerivedEndpoint
    roots: DerivedRoots
    payload_roots: list[str]
    """The directories below which torrents may be put."""


class Effective(TypedDict):
    """The documents with defaults and derived values filled in."""

    app_profile: AppProfile
    engine_profile: EngineProfile
    fs_policy: FsPolicy
    label_policies: LabelPolicies
    derived: Derived


class ConfigSnapshot(TypedDict):
    """Everything in force at one revision."""

    revision: Count
    """Grows with every change, for ever."""
    changed_at: Moment
    app_profile: AppProfile
    engine_profile: EngineProfile
    fs_policy: FsPolicy
    label_policies: LabelPolicies
    api_keys: list[Key]
    secrets: dict[str, SecretFacts]
    """The secrets that exist, by name; never their values."""
    effective: Effective


class Listener(TypedDict):
    """Where the API listens after a change that moved it."""

    url: str
    problem: NotRequired[str]
    """Why it does not listen where it should; it stays where it was then."""


class SetUpSnapshot(ConfigSnapshot):
    """What is in force after a change, and whether the listener moved."""

    rebind: bool
    """Whether the listener moves."""
    listener: NotRequired[Listener]


class ChangedSnapshot(SetUpSnapshot):
    """What is in force after a change."""

    restart: list[str]
    """JSON Pointers to what the running node cannot apply; it holds from the next start."""


class Change(TypedDict):
    """One difference. Secrets are masked; null is absent too."""

    pointer: str
    """JSON Pointer into the documents."""
    before: Any
    after: Any


class Impact(TypedDict):
    """What a change reaches."""

    rebind: bool
    """Whether the API listener must move."""
    restart: list[str]
    """JSON Pointers to what the running node cannot apply; it holds from the next start."""
    consumers: list[str]
    """Who applies the rest: `api`, `fsops`, `session`, `telemetry`, `throttle`."""
    torrents: NotRequired[Count]
    """How many torrents it touches; absent when it touches none at all."""


class Trial(TypedDict):
    """What a patch would do; nothing was changed."""

    valid: Literal[True]
    changes: list[Change]
    impact: Impact


class Revision(TypedDict):
    """One revision of the history."""

    revision: Count
    at: Moment
    author: str
    """Who made it: the id of a key, or the part of the node."""
    operation: str
    """How: `patch`, `rollback`, `put_label_policy`, …"""
    changes: list[Change]
    request_id: NotRequired[str]


class RevisionPage(TypedDict):
    """A page of revisions, the newest first."""

    revisions: list[Revision]
    next: NotRequired[Count]
    """Give it as `before` for the next page; absent on the last."""


class SchemaList(TypedDict):
    """The documents that have a JSON Schema."""

    documents: list[str]


class Categories(TypedDict):
    """The policies of all categories, by name."""

    categories: dict[str, LabelPolicy]


class Tags(TypedDict):
    """The policies of all tags, by name."""

    tags: dict[str, LabelPolicy]


class SetupTokenShape(TypedDict):
    """A setup token that was just made. It counts once; an earlier one no longer does."""

    token: str
    expires_at: Moment


class SetupDone(TypedDict):
    """A completed setup."""

    snapshot: SetUpSnapshot
    api_key: str
    """The admin key as `<key_id>:<secret>`. It is shown this one time."""
    api_key_expires_at: Moment | None
    """When it ends; null for never."""


class RotatedEncryption(TypedDict):
    """What a rotation of the encryption key did."""

    secrets: Count
    """How many secrets the new key seals."""
