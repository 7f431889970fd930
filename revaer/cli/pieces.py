"""`revaer pieces`: which parts of a torrent are there."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.completing import complete_torrent
from revaer.cli.invocation import converse
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, PieceMap

CELLS = 64
"""How wide the picture is."""

_SHOWN_GAPS = 20
_FULL, _PART, _NONE = "█", "▒", "·"


@click.command()
@click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)
@global_options(leading=False)
@pass_settings
def pieces(settings: Settings, *, torrent: str) -> None:
    """Show which pieces of a torrent are there.

    The picture has the first piece on the left: █ is there, ▒ is there in part, · is missing. Availability is how many
    of the connected peers have a piece.
    """

    async def fetch(client: Client) -> PieceMap:
        return await client.pieces(await client.resolve(torrent))

    found = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(found.document)
    elif found.count:
        _show(found)
    else:
        terminal.notice("The pieces are not known yet: the metadata has not come.")


def _show(found: PieceMap) -> None:
    share = formats.percent(100 * found.have_count / found.count)
    facts = {
        "Pieces": f"{found.have_count} of {found.count} ({share}), {formats.size(found.piece_length)} each",
        "Map": picture(found),
        "Missing": _gap_words(found),
    }
    if found.availability is not None:
        known = found.availability
        words = f"at least {known.least}, {known.average:.2f} on average, at most {known.most}"
        facts["Available"] = words + (f"; {known.missing} with nobody" if known.missing else "")
    for name, value in facts.items():
        if value:
            terminal.say(Text.assemble((f"{name:<10} ", "bold"), value))


def picture(found: PieceMap) -> str:
    """Draw the map in one line; a cell stands for several pieces when there are more than cells."""
    cells = min(CELLS, found.count)
    line = ""
    for cell in range(cells):
        part = range(cell * found.count // cells, (cell + 1) * found.count // cells)
        there = sum(map(found.has, part))
        line += _FULL if there == len(part) else _PART if there else _NONE
    return line


def gaps(found: PieceMap) -> Iterator[tuple[int, int]]:
    """Find the runs of missing pieces: the first and the last of each."""
    start: int | None = None
    for piece in range(found.count):
        if found.has(piece):
            if start is not None:
                yield start, piece - 1
            start = None
        elif start is None:
            start = piece
    if start is not None:
        yield start, found.count - 1


def _gap_words(found: PieceMap) -> str:
    runs = [str(first) if first == last else f"{first}-{last}" for first, last in gaps(found)]
    more = len(runs) - _SHOWN_GAPS
    return ", ".join(runs[:_SHOWN_GAPS]) + (f" and {more} more runs" if more > 0 else "")
