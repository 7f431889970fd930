"""Filters over torrents, as the query of a list names them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeAlias, TypeVar
from urllib.parse import urlsplit

import orjson

from revaer.api.errors import InvalidParam, MalformedRequest
from revaer.api.settings import FILTER_IDS, PAGE_DEFAULT, PAGE_MAX
from revaer.types import TorrentState, TorrentView

S = TypeVar("S", bound=StrEnum)

Predicate: TypeAlias = Callable[[TorrentView], bool]

FILTERS = frozenset({"state", "tracker", "extension", "tags", "category", "name"})
"""The parameters that filter."""


@dataclass(frozen=True, slots=True)
class TorrentFilter:
    """Which torrents are wanted.

    Attributes:
        accepts: tells whether a torrent passes; None when all do.
        digest: the same for equal filters, however they were written.
    """

    accepts: Predicate | None
    digest: str


def parse_filter(query: Mapping[str, str]) -> TorrentFilter:
    """Read the filtering parameters of a query. Between parameters all must hold.

    Raises:
        MalformedRequest: a value makes no sense.
    """
    names = FILTERS & query.keys()
    return filter_of({name: [query[name]] if name == "name" else split_list(name, query[name]) for name in names})


def filter_of(given: Mapping[str, list[str]]) -> TorrentFilter:
    """Return a filter from the values of its parameters; all of them must hold.

    Raises:
        MalformedRequest: a value makes no sense.
    """
    predicates: list[Predicate] = []
    parts: list[tuple[str, list[str]]] = []
    for name in sorted(given):
        check_list(name, given[name])
        values = [value.casefold() for value in given[name]] if name == "name" else given[name]
        predicates.append(_MAKERS[name](frozenset(values)))
        parts.append((name, sorted(values)))
    digest = hashlib.blake2s(orjson.dumps(parts), digest_size=6).hexdigest()
    if not predicates:
        return TorrentFilter(None, digest)
    if len(predicates) == 1:
        return TorrentFilter(predicates[0], digest)
    return TorrentFilter(lambda view: all(accepts(view) for accepts in predicates), digest)


def split_list(name: str, value: str) -> list[str]:
    """Split a comma list.

    Raises:
        MalformedRequest: an element is empty, or there are too many.
    """
    values = [item.strip() for item in value.split(",")]
    check_list(name, values)
    return values


def check_list(name: str, values: list[str]) -> None:
    """Refuse values of a parameter.

    Raises:
        MalformedRequest: an element is empty, or there are too many.
    """
    if not all(values):
        refuse(name, "has an empty element")
    if len(values) > FILTER_IDS:
        refuse(name, f"may have at most {FILTER_IDS} elements")


def parse_states(name: str, values: list[str], states: type[S]) -> frozenset[S]:
    """Read some of the `states` that there are. Raises: MalformedRequest."""
    known = {state.value for state in states}
    for value in values:
        if value not in known:
            refuse(name, f"no such state: {value[:60]!r}; there are {', '.join(states)}")
    return frozenset(map(states, values))


def parse_flag(name: str, text: str) -> bool:
    """Read `true` or `false`. Raises: MalformedRequest."""
    if text not in ("true", "false"):
        refuse(name, "must be true or false")
    return text == "true"


def parse_limit(text: str | None) -> int:
    """Read how many rows a page may have. Raises: MalformedRequest."""
    if text is None:
        return PAGE_DEFAULT
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not 1 <= value <= PAGE_MAX:
        refuse("limit", f"must be a number from 1 to {PAGE_MAX}")
    return value


def refuse(name: str, message: str) -> NoReturn:
    """Refuse a parameter of the query. Raises: MalformedRequest."""
    raise MalformedRequest("a parameter of the URL is wrong", [InvalidParam(f"/query/{name}", message)])


def _by_state(values: frozenset[str]) -> Predicate:
    states = parse_states("state", sorted(values), TorrentState)
    return lambda view: view.state.kind in states


def _by_tracker(values: frozenset[str]) -> Predicate:
    """A tracker is named by its host, or by its whole URL."""
    wanted = frozenset(value.lower() for value in values)
    hosts: dict[str, bool] = {}

    def accepts(view: TorrentView) -> bool:
        for url in view.descriptor.trackers:
            known = hosts.get(url)
            if known is None:
                known = hosts[url] = url.lower() in wanted or _host(url) in wanted
            if known:
                return True
        return False

    return accepts


def _by_extension(values: frozenset[str]) -> Predicate:
    """Any wanted file counts; before the files are known, the name that the torrent goes by."""
    wanted = frozenset(value.lower().removeprefix(".") for value in values)
    endings = tuple(f".{value}" for value in wanted)

    def accepts(view: TorrentView) -> bool:
        extensions = view.descriptor.extensions
        if extensions is None:
            return (view.descriptor.name or "").lower().endswith(endings)
        return not wanted.isdisjoint(extensions)

    return accepts


def _by_tags(values: frozenset[str]) -> Predicate:
    return lambda view: values.issubset(view.descriptor.tags)


def _by_category(values: frozenset[str]) -> Predicate:
    return lambda view: view.descriptor.category in values


def _by_name(values: frozenset[str]) -> Predicate:
    (part,) = values
    return lambda view: part in (view.descriptor.name or "").casefold()


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


_MAKERS: Mapping[str, Callable[[frozenset[str]], Predicate]] = {
    "state": _by_state,
    "tracker": _by_tracker,
    "extension": _by_extension,
    "tags": _by_tags,
    "category": _by_category,
    "name": _by_name,
}
