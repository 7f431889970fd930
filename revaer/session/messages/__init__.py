"""What others may say to the session, and the words of its answers."""

from __future__ import annotations

from typing import TypeAlias

from revaer.session.messages.changing import (
    AMENDABLE,
    MAX_MANY,
    MAX_TRACKERS,
    ActOnMany,
    AddTorrents,
    Amend,
    Done,
    EditTrackers,
    EditWebSeeds,
    ListEdit,
    Remove,
    TooManyUrls,
    TorrentTerms,
    UnknownUrl,
)
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
from revaer.session.messages.looks import (
    PeerView,
    PieceMap,
    ReadPeers,
    ReadPieces,
    ReadTrackers,
    TrackerState,
    TrackerView,
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
    Keep,
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
    "AMENDABLE",
    "MAX_CAPS",
    "MAX_FACTS",
    "MAX_MANY",
    "MAX_TRACKERS",
    "UNLIMITED",
    "Act",
    "ActOnMany",
    "Action",
    "ActionRefused",
    "AddTorrent",
    "AddTorrents",
    "Amend",
    "AppliedSettings",
    "ApplyLimits",
    "ApplySettings",
    "CapTorrents",
    "CatalogueSnapshot",
    "ChangingMessage",
    "ConnectPeer",
    "Done",
    "DuplicateTorrent",
    "EditTrackers",
    "EditWebSeeds",
    "EngineLimits",
    "EngineReport",
    "GoverningMessage",
    "Inspect",
    "InvalidSource",
    "Keep",
    "ListEdit",
    "LookingMessage",
    "Move",
    "Pause",
    "PayloadFacts",
    "PeerView",
    "PieceMap",
    "Queue",
    "Rates",
    "ReadFallbackCaps",
    "ReadJobSpec",
    "ReadLimits",
    "ReadPayloadFacts",
    "ReadPeers",
    "ReadPieces",
    "ReadSeedingFacts",
    "ReadTrackers",
    "Reannounce",
    "Recheck",
    "Remove",
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
    "TooManyUrls",
    "TorrentDetail",
    "TorrentTerms",
    "TrackerState",
    "TrackerView",
    "UnknownTorrent",
    "UnknownUrl",
]

GoverningMessage: TypeAlias = (
    ApplyLimits | ReadLimits | CapTorrents | ReadFallbackCaps | ReadSeedingFacts | ReadPayloadFacts | ApplySettings
)
"""What the governor and the configuration ask."""

LookingMessage: TypeAlias = ReadPeers | ReadTrackers | ReadPieces
"""What those ask who look closely at one torrent."""

ChangingMessage: TypeAlias = Amend | EditTrackers | EditWebSeeds | AddTorrents | ActOnMany
"""What changes torrents that are here, and what is about many at once."""

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
    | LookingMessage
    | ChangingMessage
    | GoverningMessage
)
