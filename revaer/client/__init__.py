"""The typed asynchronous client of the HTTP API, on trio: for the command line and for scripts.

async with Client("http://127.0.0.1:7070", key) as client:
    torrent = await client.add(magnet="magnet:?xt=urn:btih:...")
    async with client.events() as stream:
        async for item in stream:
            ...
"""

from revaer.client.backoff import Backoff
from revaer.client.client import AddOptions, AmbiguousPrefix, Client, EventFilter, ListQuery, MalformedId, UnknownPrefix
from revaer.client.config_models import Change, ConfigSnapshot, HistoryPage, Impact, Listener, Revision, Validation
from revaer.client.errors import (
    ClientError,
    InvalidAddress,
    InvalidAnswer,
    InvalidParam,
    Problem,
    ProblemDocument,
    Unreachable,
)
from revaer.client.fsops import Finding, Job, JobError, JobPage, JobQueue, JobStep, Plan, PlannedStep, Verification
from revaer.client.keys import UNSET, IssuedKey, Key, RateLimit, Unset
from revaer.client.labels import LabelKind
from revaer.client.link import InvalidKey
from revaer.client.models import Component, Figures, Health, Page, Torrent, TorrentDetail, TorrentFile
from revaer.client.node import Identity, SetupDone, SetupToken
from revaer.client.stream import Event, EventStream, Interrupted, Lagged, Notice, Reset, Resumed, StreamItem

__all__ = [
    "UNSET",
    "AddOptions",
    "AmbiguousPrefix",
    "Backoff",
    "Change",
    "Client",
    "ClientError",
    "Component",
    "ConfigSnapshot",
    "Event",
    "EventFilter",
    "EventStream",
    "Figures",
    "Finding",
    "Health",
    "HistoryPage",
    "Identity",
    "Impact",
    "Interrupted",
    "InvalidAddress",
    "InvalidAnswer",
    "InvalidKey",
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
    "MalformedId",
    "Notice",
    "Page",
    "Plan",
    "PlannedStep",
    "Problem",
    "ProblemDocument",
    "RateLimit",
    "Reset",
    "Resumed",
    "Revision",
    "SetupDone",
    "SetupToken",
    "StreamItem",
    "Torrent",
    "TorrentDetail",
    "TorrentFile",
    "UnknownPrefix",
    "Unreachable",
    "Unset",
    "Validation",
    "Verification",
]
