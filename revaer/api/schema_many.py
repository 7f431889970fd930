"""The bodies of calls about many torrents, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field, TypeAdapter

from revaer.api import fields
from revaer.api.errors import ApiError, InvalidBody, InvalidParam, MalformedRequest
from revaer.api.filters import FILTERS, TorrentFilter, filter_of
from revaer.api.keys import torrent_key
from revaer.api.schema_add import parse_add
from revaer.api.settings import BULK, FILTER_IDS, URL_CHARS, ApiSettings
from revaer.session.messages import AddTorrent

Asked: TypeAlias = AddTorrent | ApiError
"""One torrent of many: what is asked, or why that cannot be understood."""

_TEXT: Final = 65_536
"""How long the text of a filter may be: a thousand trackers."""

Values = (
    Annotated[str, Field(min_length=1, max_length=_TEXT)]
    | Annotated[
        list[Annotated[str, Field(min_length=1, max_length=URL_CHARS)]],
        Field(min_length=1, max_length=FILTER_IDS),
    ]
)
"""What a filter names: a comma list as in the query of a list, or a JSON list."""


class BulkBody(fields.Body):
    """Many torrents to add."""

    torrents: Annotated[list[Any], Field(min_length=1, max_length=BULK)]
    """Each as the body of an add."""


class FilterBody(fields.Body):
    """Which torrents: all conditions must hold, and there is at least one. The words are those of the list's query."""

    state: Values | None = None
    tracker: Values | None = None
    extension: Values | None = None
    tags: Values | None = None
    category: Values | None = None
    name: Annotated[str, Field(min_length=1, max_length=URL_CHARS)] | None = None


class ActionsBody(fields.Body):
    """One action for many torrents, named by `ids` or by `filter`."""

    action: dict[str, Any]
    """As the body of an action on one torrent."""
    ids: (
        Annotated[
            list[str],
            Field(min_length=1, max_length=FILTER_IDS, json_schema_extra=fields.UNIQUE),
            fields.DISTINCT,
        ]
        | None
    ) = None
    """Ids or info-hashes."""
    filter: FilterBody | None = None


_BULK: TypeAdapter[BulkBody] = TypeAdapter(BulkBody)
_ACTIONS: TypeAdapter[ActionsBody] = TypeAdapter(ActionsBody)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Which torrents an action is for, and the action as it came.

    Attributes:
        action: the body of the action.
        keys: the torrents by id or info-hash, in lower case; None when a filter names them.
        filter: the torrents by filter; None when keys name them.
    """

    action: Mapping[str, Any]
    keys: tuple[str, ...] | None
    filter: TorrentFilter | None


def parse_bulk(document: object, settings: ApiSettings) -> list[Asked]:
    """Read many adds; one that is wrong disturbs no other. Raises: InvalidBody: there are none, or too many."""
    return [_asked(item, at, settings) for at, item in enumerate(fields.validate(_BULK, document).torrents)]


def parse_crowd(document: object) -> Crowd:
    """Read which torrents an action is for.

    Raises:
        InvalidBody: some of it cannot be accepted.
    """
    body = fields.validate(_ACTIONS, document)
    if (body.ids is None) == (body.filter is None):
        raise InvalidBody([InvalidParam("", "either ids or filter is needed")])
    if body.filter is not None:
        return Crowd(body.action, None, _filter(body.filter))
    wrong: list[InvalidParam] = []
    keys: list[str] = []
    for at, text in enumerate(body.ids or ()):
        try:
            keys.append(torrent_key(text, f"/ids/{at}"))
        except MalformedRequest as error:
            wrong += error.params
    if wrong:
        raise InvalidBody(wrong)
    return Crowd(body.action, tuple(keys), None)


def below(params: Sequence[InvalidParam], place: str) -> tuple[InvalidParam, ...]:
    """Return parameters of a part of a body as those of the whole body; `place` is the pointer to the part."""
    return tuple(InvalidParam(place + param.pointer, param.message) for param in params)


def _asked(item: object, at: int, settings: ApiSettings) -> Asked:
    try:
        return parse_add(item, settings)
    except ApiError as error:
        return error


def _filter(body: FilterBody) -> TorrentFilter:
    values: dict[str, list[str]] = {}
    for name in FILTERS & body.model_fields_set:
        given = getattr(body, name)
        if given is not None:
            values[name] = _listed(name, given)
    if not values:
        raise InvalidBody([InvalidParam("/filter", "needs a condition; all states together mean every torrent")])
    try:
        return filter_of(values)
    except MalformedRequest as error:
        moved = [param.pointer.replace("/query/", "/filter/", 1) for param in error.params]
        told = zip(moved, error.params, strict=True)
        raise InvalidBody([InvalidParam(place, param.message) for place, param in told]) from None


def _listed(name: str, given: str | list[str]) -> list[str]:
    if isinstance(given, list):
        return given
    return [given] if name == "name" else [item.strip() for item in given.split(",")]
