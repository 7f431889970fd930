"""The typed asynchronous client of the HTTP API, on trio: for the command line and for scripts.

async with Client("http://127.0.0.1:7070", key) as client:
    torrent = await client.add(magnet="magnet:?xt=urn:btih:...")
    async with client.events() as stream:
        async for item in stream:
            ...
"""

from revaer.client.backoff import Backoff
from revaer.client.client import AddOptions, AmbiguousPrefix, Client, EventFilter, ListQuery, MalformedId, UnknownPrefix
from revaer.client.errors import (
    ClientError,
    InvalidAddress,
    InvalidAnswer,
    InvalidParam,
    Problem,
    ProblemDocument,
    Unreachable,
)
from revaer.client.link import InvalidKey
from revaer.client.models import Component, Figures, Health, Page, Torrent, TorrentDetail, TorrentFile
from revaer.client.stream import Event, EventStream, Interrupted, Lagged, Notice, Reset, Resumed, StreamItem

__all__ = [
    "AddOptions",
    "AmbiguousPrefix",
    "Backoff",
    "Client",
    "ClientError",
    "Component",
    "Event",
    "EventFilter",
    "EventStream",
    "Figures",
    "Health",
    "Interrupted",
    "InvalidAddress",
    "InvalidAnswer",
    "InvalidKey",
    "InvalidParam",
    "Lagged",
    "ListQuery",
    "MalformedId",
    "Notice",
    "Page",
    "Problem",
    "ProblemDocument",
    "Reset",
    "Resumed",
    "StreamItem",
    "Torrent",
    "TorrentDetail",
    "TorrentFile",
    "UnknownPrefix",
    "Unreachable",
]
