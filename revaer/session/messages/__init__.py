"""What others may say to the session, and the words of its answers."""

from __future__ import annotations

from typing import TypeAlias

from revaer.session.messages.limits import (
    MAX_CAPS,
    MAX_FACTS,
    UNLIMITED,
    ApplyLimits,
    CapTorrents,
    EngineLimits,
    PayloadFacts,
    Rates,
    ReadFallbackCaps,
    ReadLimits,
    ReadPayloadFacts,
    ReadSeedingFacts,
    SeedingFacts,
)
from revaer.session.messages.torrents import (
    Act,
    Action,
    ActionRefused,
    AddTorrent,
    CatalogueSnapshot,
    ConnectPeer,
    DuplicateTorrent,
    EngineReport,
    Inspect,
    InvalidSource,
    Move,
    Pause,
    Queue,
    ReadJobSpec,
    Reannounce,
    Recheck,
    RemoveTorrent,
    ReportEngine,
    Reprocess,
    Resume,
    Select,
    SessionRefusal,
    SessionUnavailable,
    SetPieceDeadline,
    SetRate,
    SetSequential,
    Snapshot,
    TorrentDetail,
    UnknownTorrent,
)
from revaer.session.messages.tuning import (
    AppliedSettings,
    ApplySettings,
    SettingRefused,
)

__all__ = [
    "MAX_CAPS",
    "MAX_FACTS",
    "UNLIMITED",
    "Act",
    "Action",
    "ActionRefused",
    "AddTorrent",
    "AppliedSettings",
    "ApplyLimits",
    "ApplySettings",
    "CapTorrents",
    "CatalogueSnapshot",
    "ConnectPeer",
    "DuplicateTorrent",
    "EngineLimits",
    "EngineReport",
    "GoverningMessage",
    "Inspect",
    "InvalidSource",
    "Move",
    "Pause",
    "PayloadFacts",
    "Queue",
    "Rates",
    "ReadFallbackCaps",
    "ReadJobSpec",
    "ReadLimits",
    "ReadPayloadFacts",
    "ReadSeedingFacts",
    "Reannounce",
    "Recheck",
    "RemoveTorrent",
    "ReportEngine",
    "Reprocess",
    "Resume",
    "SeedingFacts",
    "Select",
    "SessionMessage",
    "SessionRefusal",
    "SessionUnavailable",
    "SetPieceDeadline",
    "SetRate",
    "SetSequential",
    "SettingRefused",
    "Snapshot",
    "TorrentDetail",
    "UnknownTorrent",
]

GoverningMessage: TypeAlias = (
    ApplyLimits | ReadLimits | CapTorrents | ReadFallbackCaps | ReadSeedingFacts | ReadPayloadFacts | ApplySettings
)
"""What the governor and the configuration ask."""

SessionMessage: TypeAlias = (
    AddTorrent
    | RemoveTorrent
    | Act
    | Select
    | Reprocess
    | ReadJobSpec
    | Inspect
    | Snapshot
    | ReportEngine
    | ConnectPeer
    | GoverningMessage
)
