"""The typed asynchronous client of the HTTP API, on trio: for the command line and for scripts.

async with Client("http://127.0.0.1:7070", key) as client:
    torrent = await client.add(magnet="magnet:?xt=urn:btih:...")
    async with client.events() as stream:
        async for item in stream:
            ...
"""

from revaer.client.authoring import Created, CreateOptions
from revaer.client.backoff import Backoff
from revaer.client.client import Client
from revaer.client.comeback import Interrupted, Notice, Resumed
from revaer.client.config_models import Change, ConfigSnapshot, HistoryPage, Impact, Listener, Revision, Validation
from revaer.client.errors import (
    ClientError,
    InvalidAddress,
    InvalidAnswer,
    InvalidName,
    InvalidParam,
    Problem,
    ProblemDocument,
    Unreachable,
)
from revaer.client.finding import AmbiguousPrefix, MalformedId, UnknownPrefix
from revaer.client.fsops import Finding, Job, JobError, JobPage, JobQueue, JobStep, Plan, PlannedStep, Verification
from revaer.client.keys import UNSET, IssuedKey, Key, RateLimit, Unset
from revaer.client.labels import LabelKind
from revaer.client.link import InvalidKey
from revaer.client.logs import LogLine, LogStream
from revaer.client.looks import Availability, Peer, PieceMap, Tracker
from revaer.client.many import Outcome, add_body
from revaer.client.mirror import Mirror
from revaer.client.models import Component, Figures, Health, Page, Rows, Ticket, Torrent, TorrentDetail, TorrentFile
from revaer.client.node import Identity, SetupDone, SetupToken
from revaer.client.overview import Dashboard, DirectoryPage, Entry, FailedTorrent, Volume
from revaer.client.queries import AddOptions, EditOptions, EventFilter, ListQuery
from revaer.client.snapshot import Snapshot
from revaer.client.socket import EventSocket, SocketItem
from revaer.client.stream import (
    Event,
    EventStream,
    Gap,
    Lagged,
    Reset,
    StreamItem,
    TimelinePage,
)

__all__ = [
    "UNSET",
    "AddOptions",
    "AmbiguousPrefix",
    "Availability",
    "Backoff",
    "Change",
    "Client",
    "ClientError",
    "Component",
    "ConfigSnapshot",
    "CreateOptions",
    "Created",
    "Dashboard",
    "DirectoryPage",
    "EditOptions",
    "Entry",
    "Event",
    "EventFilter",
    "EventSocket",
    "EventStream",
    "FailedTorrent",
    "Figures",
    "Finding",
    "Gap",
    "Health",
    "HistoryPage",
    "Identity",
    "Impact",
    "Interrupted",
    "InvalidAddress",
    "InvalidAnswer",
    "InvalidKey",
    "InvalidName",
    "InvalidParam",
    "IssuedKey",
    "Job",
    "JobError",
    "JobPage",
    "JobQueue",
    "JobStep",
    "Key",
    "LabelKind",
    "Lagged",
    "ListQuery",
    "Listener",
    "LogLine",
    "LogStream",
    "MalformedId",
    "Mirror",
    "Notice",
    "Outcome",
    "Page",
    "Peer",
    "PieceMap",
    "Plan",
    "PlannedStep",
    "Problem",
    "ProblemDocument",
    "RateLimit",
    "Reset",
    "Resumed",
    "Revision",
    "Rows",
    "SetupDone",
    "SetupToken",
    "Snapshot",
    "SocketItem",
    "StreamItem",
    "Ticket",
    "TimelinePage",
    "Torrent",
    "TorrentDetail",
    "TorrentFile",
    "Tracker",
    "UnknownPrefix",
    "Unreachable",
    "Unset",
    "Validation",
    "Verification",
    "Volume",
    "add_body",
]
