"""The bodies that change what was asked of a torrent, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from revaer.api import fields
from revaer.api.errors import InvalidBody, InvalidParam
from revaer.api.gaps import Gaps, gaps_of
from revaer.api.settings import KNOWN_URL_CHARS, TRACKERS, ApiSettings
from revaer.session.messages import ListEdit
from revaer.types import Descriptor

_SELECT: Final = "is changed by POST …/select"
_PAUSE: Final = "is changed by the actions pause and resume"
_SOURCE: Final = "cannot be changed: it is what the torrent is"
_BORN: Final = "counts when a torrent is added, and cannot be changed"

ELSEWHERE: Final[Mapping[str, str]] = {
    "id": _SOURCE,
    "info_hash": _SOURCE,
    "magnet": _SOURCE,
    "metainfo": _SOURCE,
    "private": "would change the info-hash of an existing torrent; only a new one can have it",
    "source": "would change the info-hash of an existing torrent; only a new one can have it",
    "download_dir": "is changed by the action move",
    "storage_mode": _BORN,
    "seed_mode": _BORN,
    "start_paused": _PAUSE,
    "paused": _PAUSE,
    "trackers": "is changed by PATCH …/trackers",
    "replace_trackers": "is changed by PATCH …/trackers",
    "web_seeds": "is changed by PATCH …/web_seeds",
    "replace_web_seeds": "is changed by PATCH …/web_seeds",
    "include": _SELECT,
    "exclude": _SELECT,
    "skip_fluff": _SELECT,
    "priorities": _SELECT,
}
"""What a client may look for here and will find elsewhere, or nowhere."""


class AmendBody(fields.Body):
    """A merge patch (RFC 7396) of what was asked of a torrent: null goes back to what an add without it gives."""

    name: fields.Name | None = None
    comment: fields.Comment | None = None
    tags: fields.Tags | None = None
    category: fields.Tag | None = None
    sequential: bool | None = None
    super_seeding: bool | None = None
    max_download_bps: fields.Rate | None = None
    max_upload_bps: fields.Rate | None = None
    max_connections: fields.Connections | None = None
    seed_ratio_limit: fields.Ratio | None = None
    seed_time_limit: fields.Count | None = None
    auto_managed: bool | None = None
    queue_position: fields.Count | None = None
    pex_enabled: bool | None = None
    process: bool | None = None


KnownUrl = Annotated[str, Field(min_length=1, max_length=KNOWN_URL_CHARS)]
"""A URL that is there already: what a torrent's maker wrote may be longer than what is taken here."""

KnownUrls = Annotated[list[KnownUrl], Field(max_length=TRACKERS, json_schema_extra=fields.UNIQUE), fields.DISTINCT]


class TrackersBody(fields.Body):
    """Which trackers come and go, or the new list."""

    add: fields.Trackers | None = None
    """Come after the others; one that is there already stays where it is."""
    remove: KnownUrls | None = None
    """Go; each must be there."""
    replace: fields.Trackers | None = None
    """The new list, the first is asked first; goes with neither of the others."""


class WebSeedsBody(fields.Body):
    """Which web seeds come and go, or the new list."""

    add: fields.WebSeeds | None = None
    """Come after the others; one that is there already stays where it is."""
    remove: KnownUrls | None = None
    """Go; each must be there."""
    replace: fields.WebSeeds | None = None
    """The new list; goes with neither of the others."""


class UrlsBody(fields.Body):
    """Which trackers go."""

    urls: KnownUrls
    """Each must be there."""


_AMEND: TypeAdapter[AmendBody] = TypeAdapter(AmendBody)
_TRACKERS: TypeAdapter[TrackersBody] = TypeAdapter(TrackersBody)
_WEB_SEEDS: TypeAdapter[WebSeedsBody] = TypeAdapter(WebSeedsBody)
_URLS: TypeAdapter[UrlsBody] = TypeAdapter(UrlsBody)

_DEFAULTS: Final[Mapping[str, Callable[[Gaps], Any]]] = {
    "tags": lambda _: (),
    "sequential": lambda gaps: gaps.sequential,
    "super_seeding": lambda gaps: gaps.super_seeding,
    "auto_managed": lambda gaps: gaps.auto_managed,
    "queue_position": lambda gaps: gaps.queue_position,
    "pex_enabled": lambda _: True,
    "process": lambda _: True,
}
"""What an add without a field gives, where that is not nothing at all."""


def parse_amendment(document: object, descriptor: Descriptor, settings: ApiSettings) -> Mapping[str, Any]:
    """Read a merge patch of a torrent's options; return the options that it changes.

    Args:
        document: the JSON body.
        descriptor: the torrent it is for: its labels count for defaults, where the patch says nothing of them.
        settings: the defaults of the node.

    Raises:
        InvalidBody: some of it cannot be accepted.
    """
    try:
        body = fields.validate(_AMEND, document)
    except InvalidBody as error:
        raise InvalidBody([_explained(param) for param in error.params]) from None
    given = {name: getattr(body, name) for name in body.model_fields_set}
    category = given.get("category", descriptor.category)
    tags = given.get("tags", descriptor.tags) or ()
    gaps = gaps_of(settings, category, tags)
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            changes[name] = _DEFAULTS[name](gaps) if name in _DEFAULTS else None
        else:
            changes[name] = tuple(value) if isinstance(value, list) else value
    return changes


def parse_tracker_edit(document: object) -> ListEdit:
    """Read a change of trackers. Raises: InvalidBody."""
    return _edit(fields.validate(_TRACKERS, document))


def parse_web_seed_edit(document: object) -> ListEdit:
    """Read a change of web seeds. Raises: InvalidBody."""
    return _edit(fields.validate(_WEB_SEEDS, document))


def parse_urls(document: object) -> tuple[str, ...]:
    """Read which trackers are to go. Raises: InvalidBody."""
    return tuple(fields.validate(_URLS, document).urls)


def _edit(body: TrackersBody | WebSeedsBody) -> ListEdit:
    if body.replace is not None:
        beside = [name for name in ("add", "remove") if getattr(body, name) is not None]
        if beside:
            raise InvalidBody([InvalidParam(f"/{name}", "does not go with replace") for name in beside])
        return ListEdit(replace=tuple(body.replace))
    if body.add is None and body.remove is None:
        raise InvalidBody([InvalidParam("", "add, remove or replace is needed")])
    return ListEdit(add=tuple(body.add or ()), remove=tuple(body.remove or ()))


def _explained(param: InvalidParam) -> InvalidParam:
    """Say where a field is changed that is known, but not here."""
    return InvalidParam(param.pointer, ELSEWHERE.get(param.pointer.removeprefix("/"), param.message))
