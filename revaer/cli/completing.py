"""What the shell may complete from a running daemon: ids, labels. Quickly and silently, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from revaer.cli.formats import visible
from revaer.cli.settings import Settings
from revaer.types import TorrentState

PATIENCE = 0.8
"""Seconds that the daemon may take; whoever pressed TAB waits for it."""

MOST = 1000
"""How many torrents are looked at."""

_NAME_LENGTH = 60


def complete_torrent(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Propose info-hashes, or ids, of torrents that begin like what was typed, each with its name."""
    wanted = incomplete.lower()
    found = []
    for row in _rows(ctx, "info_hash", "name"):
        keys = [key for key in (row.get("info_hash"), row["id"]) if isinstance(key, str) and key.startswith(wanted)]
        if keys:
            found.append(CompletionItem(keys[0], help=visible(str(row.get("name") or ""))[:_NAME_LENGTH]))
    return found


def complete_state(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Propose states, also for the last place of a comma list."""
    return _in_list([state.value for state in TorrentState], incomplete)


def complete_tag(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Propose tags that torrents have, also for the last place of a comma list."""
    return _in_list(sorted({tag for row in _rows(ctx, "tags") for tag in row.get("tags", ())}), incomplete)


def complete_category(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Propose categories that torrents have."""
    return _items(sorted({row["category"] for row in _rows(ctx, "category") if row.get("category")}), incomplete)


def complete_event(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Propose kinds of events, also for the last place of a comma list."""
    from revaer.events import EVENT_KINDS  # noqa: PLC0415 (only who completes kinds pays for it)

    return _in_list(sorted(EVENT_KINDS), incomplete)


def complete_source(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell propose files."""
    return [CompletionItem(incomplete, type="file")]


def complete_key(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Propose ids of API keys, each with what it is for."""

    async def ask(client: Any) -> list[tuple[str, str]]:
        return [(key.id, key.label) for key in await client.keys.list()]

    found = _ask(ctx, ask)
    return [CompletionItem(key, help=visible(label)) for key, label in found if key.startswith(incomplete)]


def _rows(ctx: click.Context, *fields: str) -> Sequence[Any]:
    """Fetch the first torrents with some fields."""

    async def ask(client: Any) -> Sequence[Any]:
        from revaer.client import ListQuery  # noqa: PLC0415 (as below)

        page = await client.rows(fields, ListQuery(sort="-added_at", limit=MOST))
        rows: Sequence[Any] = page.rows
        return rows

    return _ask(ctx, ask)


def _ask(ctx: click.Context, work: Any) -> Sequence[Any]:
    """Ask the daemon. Whatever is in the way, nobody at a prompt wants to read of it: there are no proposals then."""
    import trio  # noqa: PLC0415 (help and plain options are completed without it)

    from revaer.cli.target import find_target  # noqa: PLC0415 (as above)
    from revaer.client import Client  # noqa: PLC0415 (as above)

    settings = ctx.find_object(Settings) or Settings()

    async def hurry() -> Sequence[Any]:
        with trio.move_on_after(PATIENCE):
            target = find_target(settings)
            async with Client(target.url, target.api_key, PATIENCE, request_id=settings.request_id) as client:
                found: Sequence[Any] = await work(client)
                return found
        return ()

    try:
        return trio.run(hurry)
    except Exception:  # noqa: BLE001 (as the docstring says)
        return ()


def _in_list(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Complete the last place of a comma list."""
    before, comma, last = incomplete.rpartition(",")
    given = set(before.split(","))
    return _items((f"{before}{comma}{value}" for value in values if value not in given), f"{before}{comma}{last}")


def _items(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Propose what begins like what was typed; a shell cannot take control characters."""
    return [CompletionItem(value) for value in values if value.startswith(incomplete) and value.isprintable()]
