"""Changing what was asked of torrents that are here, and asking for many things at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from actors import Request
from revaer.session.messages.looks import TrackerView
from revaer.session.messages.torrents import Action, AddTorrent, SessionRefusal
from revaer.types import TorrentId, TorrentOptions, TorrentView

MAX_MANY: Final = 1_000
"""How many torrents one `AddTorrents` brings at most."""

MAX_TRACKERS: Final = 256
"""How many trackers, or web seeds, a torrent may have after a change."""

AMENDABLE: Final = frozenset(
    {
        "name",
        "comment",
        "tags",
        "category",
        "sequential",
        "super_seeding",
        "max_download_bps",
        "max_upload_bps",
        "max_connections",
        "seed_ratio_limit",
        "seed_time_limit",
        "auto_managed",
        "queue_position",
        "pex_enabled",
        "process",
    }
)
"""The options that `Amend` changes: fields of `TorrentOptions`."""


@dataclass(frozen=True, slots=True)
class TorrentTerms:
    """One torrent and what is asked of it."""

    view: TorrentView
    options: TorrentOptions


@dataclass(frozen=True, slots=True)
class Amend(Request[TorrentTerms]):
    """Change options of a torrent; those that are not named stay. Answered when the change is durable and applied.

    A `name` of None gives the torrent the name that its source has.

    Attributes:
        torrent_id: the torrent.
        changes: new values of options, by the names of `AMENDABLE`.
        request_id: the request that it is done for.

    Raises (at the asker): UnknownTorrent, ActionRefused (an option that cannot be changed, or the engine refuses one:
    nothing changed), SessionUnavailable.
    """

    torrent_id: TorrentId
    changes: Mapping[str, Any]
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ListEdit:
    """A change to a list of URLs. `replace`, when given, is the new list, and the others are empty then.

    `remove` is done before `add`. What is there is not added again.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    replace: tuple[str, ...] | None = None


class UnknownUrl(SessionRefusal):
    """A URL that is to be removed is not in the list; `at` is its place in `ListEdit.remove`."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


class TooManyUrls(SessionRefusal):
    """The list would become longer than `MAX_TRACKERS`."""


@dataclass(frozen=True, slots=True)
class EditTrackers(Request[tuple[TrackerView, ...]]):
    """Change a torrent's own trackers; the answer has them all. From then on its list is ours: what its metainfo says
    of trackers no longer counts, also after a restart.

    Raises (at the asker): UnknownTorrent, UnknownUrl, TooManyUrls, ActionRefused, SessionUnavailable.
    """

    torrent_id: TorrentId
    edit: ListEdit
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EditWebSeeds(Request[tuple[str, ...]]):
    """Change a torrent's web seeds; the answer has them all. Otherwise as `EditTrackers`."""

    torrent_id: TorrentId
    edit: ListEdit
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AddTorrents(Request["tuple[TorrentView | SessionRefusal, ...]"]):
    """Accept many torrents, as if each was asked for by itself and in this order. Answered, in order, when what was
    accepted is durable and in the engine; one that is refused disturbs no other.

    Raises (at the asker): ActionRefused (more than `MAX_MANY`), SessionUnavailable (the list of torrents is away).
    """

    items: tuple[AddTorrent, ...]
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a torrent, with `delete_data` its payload too: beside the actions, for `ActOnMany`."""

    delete_data: bool = False


Done: TypeAlias = TorrentView | SessionRefusal | None
"""What became of an action on one torrent: the view after it, None for one that is gone now, or why not."""


@dataclass(frozen=True, slots=True)
class ActOnMany(Request[tuple[Done, ...]]):
    """Do one action on many torrents, each by itself: one that is refused disturbs no other.

    Answered in the order of the ids when every one is done, or `seconds` later: those that were begun, or wait for
    their turn, are refused as unavailable then, and are done all the same. Places in the queue are taken so that the
    torrents keep the order that they have among each other.

    Raises (at the asker): SessionUnavailable (the list of torrents is away).
    """

    torrent_ids: tuple[TorrentId, ...]
    action: Action | Remove
    seconds: float
    request_id: str | None = field(default=None, compare=False)
