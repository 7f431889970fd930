"""`revaer create`: a `.torrent` from files on the node."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
import trio
from rich.console import Console

from revaer.cli import formats, terminal
from revaer.cli.failures import Failure, WrongRequest
from revaer.cli.invocation import converse
from revaer.cli.parameters import SIZE, absolute
from revaer.cli.progress import progress_view
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.together import until_first
from revaer.cli.tree import examples
from revaer.client import Client, ClientError, Created, CreateOptions, Event, EventFilter, Figures, documents
from revaer.files import write_atomically

HASHING_SECONDS = 24 * 3600.0
"""How long the hashing is waited for: as long as it takes; Ctrl-C ends it."""


@click.command(
    epilog=examples(
        "revaer create /srv/library/film --tracker http://tracker.example/announce --private",
        "revaer create ./album --to album.torrent --format hybrid --exclude '**/*.log'",
        "revaer create ./album --to - | ssh elsewhere revaer add -",
    )
)
@click.argument("root", metavar="<PATH>", type=click.Path(path_type=Path), callback=absolute)
@click.option(
    "--to",
    "target",
    metavar="FILE",
    help="Where the .torrent goes; - is standard output.  [default: the name of <PATH>.torrent, here]",
)
@click.option("--force", is_flag=True, help="Replace the file when it is there.")
@click.option("--tracker", "trackers", multiple=True, metavar="URL", help="A tracker; repeatable.")
@click.option("--web-seed", "web_seeds", multiple=True, metavar="URL", help="An HTTP source; repeatable.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match; repeatable.")
@click.option("--skip-fluff", is_flag=True, default=None, help="No samples, extras, proofs and screens.")
@click.option("--piece-length", type=SIZE, metavar="SIZE", help="16K to 16M, a power of two.  [default: by the size]")
@click.option("--private", is_flag=True, default=None, help="No DHT, no peer exchange; needs a tracker.")
@click.option("--comment", metavar="TEXT", help="Goes into the .torrent.")
@click.option("--source", metavar="TEXT", help="Goes into the .torrent, and into its info-hash.")
@click.option("--format", type=click.Choice(["v1", "v2", "hybrid"]), help="Which BitTorrent.  [default: v1]")
@click.option("--creation-date", metavar="TIME", help="Such as 2026-01-31T12:00:00Z; none otherwise, for same bytes.")
@global_options(leading=False)
@pass_settings
def create(settings: Settings, /, *, root: str, target: str | None, force: bool, **given: Any) -> None:
    """Make a .torrent from files on the node.

    <PATH> is a file or directory on the machine of the daemon, below its download root or one of its allow_paths. The
    same input gives the same bytes. Nothing is added: `revaer add FILE --seed-mode` seeds it.
    """
    options = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items() if value}
    place = _free_place(target, root, force=force)
    work = partial(_create, settings=settings, root=root, options=cast("CreateOptions", options))
    created = converse(settings, work, timeout=max(settings.timeout, HASHING_SECONDS))
    if place is None:
        _print(created, as_json=settings.as_json)
        return
    _keep(created, place)
    if settings.as_json:
        facts = {name: value for name, value in created.document.items() if name != "metainfo"}
        terminal.show_json({"file": str(place), **facts})
    else:
        terminal.say(f"made {formats.visible(str(place))}  {formats.visible(created.info_hash)}")


def _free_place(target: str | None, root: str, *, force: bool) -> Path | None:
    """Tell where the file goes, and prove before anything is hashed that it can; `None` is standard output.

    Raises:
        WrongRequest: a file is there already.
        Failure: no file can be made there.
    """
    if target == "-":
        return None
    place = Path(target or f"{Path(root).name}.torrent")
    if place.is_dir() or (place.exists() and not force):
        raise WrongRequest(f"{place} is there already", lines=["Give --force to replace it, or --to for another."])
    if not os.access(place.absolute().parent, os.W_OK | os.X_OK):
        raise Failure(
            "the .torrent cannot be written", detail=f"{place.absolute().parent} is not there or not writable"
        )
    return place


async def _create(client: Client, *, settings: Settings, root: str, options: CreateOptions) -> Created:
    """Have it made, and show meanwhile how far the hashing is."""
    made: list[Created] = []
    is_watched = trio.Event()

    async def make() -> None:
        await is_watched.wait()
        made.append(await client.authoring.create(root, options))

    async def show() -> None:
        with suppress(ClientError):  # whoever may not see events gets the .torrent all the same
            await show_progress(client, settings.request_id, terminal.errors(), is_watched)
        is_watched.set()
        await trio.sleep_forever()

    await until_first(make, show)
    return made[0]


async def show_progress(client: Client, request_id: str, console: Console, is_watched: trio.Event) -> None:
    """Show how far the hashing of a call is, until cancelled.

    Args:
        client: asks.
        request_id: names the call.
        console: where it is shown.
        is_watched: set as soon as nothing can be missed.

    Raises:
        ClientError: the events cannot be had.
    """
    async with client.events(EventFilter(kinds=["authoring_progress"])) as stream:
        is_watched.set()
        with progress_view(console) as view:
            async for item in stream:
                if (
                    isinstance(item, Event)
                    and item.request_id == request_id
                    and (figures := _figures(item)).bytes_total
                ):
                    view.update("hashing", figures)


def _figures(event: Event) -> Figures:
    done, total = documents.whole(event.body, "bytes_done", 0), documents.whole(event.body, "bytes_total", 0)
    eta = documents.optional_whole(event.body, "eta_seconds")
    return Figures(done, total, 100.0 * done / total if total else 0.0, eta, 0, 0, 0.0)


def _print(created: Created, *, as_json: bool) -> None:
    if as_json:
        terminal.show_json(created.document)
        return
    if sys.stdout.isatty():
        raise WrongRequest("a .torrent is not for a terminal", lines=["Send standard output to a file or a command."])
    sys.stdout.buffer.write(created.metainfo)
    sys.stdout.buffer.flush()


def _keep(created: Created, place: Path) -> None:
    """Write the file, whole or not at all."""
    try:
        write_atomically(place, created.metainfo, mode=0o644)
    except OSError as error:
        raise Failure("the .torrent cannot be written", detail=f"{place}: {error.strerror}") from error
