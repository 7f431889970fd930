"""Which torrents a command is about: ids, or a filter as `revaer ls` takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from revaer.cli.completing import complete_category, complete_state, complete_tag
from revaer.cli.parameters import comma_list
from revaer.client import Client, ListQuery, Torrent

F = TypeVar("F", bound=Callable[..., Any])

FILTER_NAMES = ("state", "tracker", "extension", "tag", "category", "name")

_FILTERS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--state",
        multiple=True,
        callback=comma_list,
        shell_complete=complete_state,
        metavar="STATES",
        help="Only in these states.",
    ),
    click.option("--tracker", multiple=True, callback=comma_list, metavar="HOSTS", help="Only with such a tracker."),
    click.option("--extension", multiple=True, callback=comma_list, metavar="EXTS", help="Only with such a file."),
    click.option(
        "--tag",
        multiple=True,
        callback=comma_list,
        shell_complete=complete_tag,
        metavar="TAGS",
        help="Only with all of these tags.",
    ),
    click.option("--category", shell_complete=complete_category, metavar="TEXT", help="Only of this category."),
    click.option("--name", metavar="TEXT", help="Only with this in the name."),
)


def filter_options(function: F) -> F:
    """Add the options that filter torrents to a command."""
    for option in reversed(_FILTERS):
        function = option(function)
    return function


def query_from(given: Mapping[str, Any], *, sort: str | None = None, limit: int | None = None) -> ListQuery:
    """Make the query that the filtering options ask for."""
    return ListQuery(
        states=given["state"],
        trackers=given["tracker"],
        extensions=given["extension"],
        tags=given["tag"],
        category=given["category"],
        name=given["name"],
        sort=sort,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """Which torrents: those with these ids, or those that a filter lets pass.

    Attributes:
        keys: ids, info-hashes, or beginnings of them.
        query: the filter; `None` when there are keys.
    """

    keys: tuple[str, ...] = ()
    query: ListQuery | None = None

    @property
    def is_single(self) -> bool:
        """Whether exactly one torrent was named."""
        return self.query is None and len(self.keys) == 1

    async def ids(self, client: Client) -> tuple[str, ...]:
        """Find the ids of the chosen torrents, each once. Whole ids are taken as they are."""
        if self.query is None:
            return tuple(dict.fromkeys(await client.resolve_all(self.keys)))
        return tuple(str(row["id"]) for row in await client.all_rows(("name",), self.query))

    async def torrents(self, client: Client) -> tuple[Torrent, ...]:
        """Fetch the chosen torrents, each once."""
        if self.query is not None:
            return await client.list(self.query)
        found = [(await client.get(torrent_id)).torrent for torrent_id in await self.ids(client)]
        return tuple({torrent.id: torrent for torrent in found}.values())


def choose(keys: Sequence[str], given: Mapping[str, Any], *, everything: bool) -> Choice:
    """Read which torrents are meant.

    Args:
        keys: the ids on the command line.
        given: the filtering options.
        everything: whether every torrent was asked for.

    Raises:
        click.UsageError: nothing was said, or two things that do not go together.
    """
    filtered = any(given[name] for name in FILTER_NAMES)
    if sum([bool(keys), filtered, everything]) > 1:
        raise click.UsageError("name torrents by <ID>, by a filter, or by --all; these do not go together.")
    if keys:
        return Choice(keys=tuple(keys))
    if not (filtered or everything):
        raise click.UsageError("which torrents? Give <ID>..., a filter such as --state stopped, or --all.")
    return Choice(query=query_from(given, limit=1000))
