"""One action on many torrents: a call for each thousand, and a word for each torrent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revaer.cli import formats
from revaer.cli.choosing import Choice
from revaer.cli.outcomes import Outcomes
from revaer.client import Client
from revaer.client.many import MOST


async def act_on_all(
    client: Client, choice: Choice, kind: str, arguments: Mapping[str, Any], outcomes: Outcomes
) -> None:
    """Do an action on every chosen torrent; `outcomes` is told what became of each."""
    await act_on_ids(client, await choice.ids(client), kind, arguments, outcomes)


async def act_on_ids(
    client: Client,
    ids: tuple[str, ...],
    kind: str,
    arguments: Mapping[str, Any],
    outcomes: Outcomes,
    *,
    words: str | None = None,
) -> None:
    """Do an action on torrents by their ids.

    Args:
        client: asks.
        ids: which torrents.
        kind: the action.
        arguments: what the action takes.
        outcomes: is told what became of each.
        words: what people read before the id of a torrent when it is done.
    """
    for start in range(0, len(ids), MOST):
        part = ids[start : start + MOST]
        for wanted, outcome in zip(part, await client.many.act(kind, ids=part, **arguments), strict=True):
            torrent_id = outcome.id or wanted
            if outcome.problem is not None:
                outcomes.refused(torrent_id, outcome.problem)
            else:
                name = outcome.torrent.name if outcome.torrent is not None else None
                line = f"{words or f'{kind} done for'} {torrent_id}{f'  {name}' if name else ''}"
                outcomes.done(torrent_id, formats.visible(line), {})
