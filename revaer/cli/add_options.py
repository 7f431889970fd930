"""The options of `revaer add`, one per option of the API and named like it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from revaer.cli.completing import complete_category, complete_tag
from revaer.cli.parameters import DURATION, FILE_PRIORITY, SIZE, absolute, comma_list
from revaer.types import StorageMode

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--name", metavar="TEXT", help="Show it under this name."),
    click.option("--comment", metavar="TEXT", help="A note for yourself."),
    click.option(
        "--download-dir",
        type=click.Path(path_type=Path),
        callback=absolute,
        help="Where the payload goes; relative paths start here.",
    ),
    click.option("--category", metavar="TEXT", shell_complete=complete_category, help="Its one category."),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        callback=comma_list,
        shell_complete=complete_tag,
        metavar="TAGS",
        help="A tag, or several by commas.",
    ),
    click.option("--include", multiple=True, metavar="GLOB", help="Only files that match; repeatable."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match; repeatable."),
    click.option("--skip-fluff", is_flag=True, default=None, help="No samples, extras, proofs and screens."),
    click.option(
        "--priority",
        "priorities",
        multiple=True,
        type=FILE_PRIORITY,
        metavar="INDEX=PRIORITY",
        help="One file's priority: skip, low, normal or high; repeatable.",
    ),
    click.option("--start-paused", is_flag=True, default=None, help="Wait until it is resumed."),
    click.option("--sequential/--no-sequential", default=None, help="In order instead of rarest first."),
    click.option("--max-download-bps", type=SIZE, metavar="RATE", help="Bytes per second, such as 500K or 2M."),
    click.option("--max-upload-bps", type=SIZE, metavar="RATE", help="Bytes per second."),
    click.option("--max-connections", type=click.IntRange(min=1), metavar="N", help="How many peers."),
    click.option("--seed-ratio-limit", type=click.FloatRange(min=0), metavar="RATIO", help="Seed up to this ratio."),
    click.option("--seed-time-limit", type=DURATION, metavar="TIME", help="Seed for this long, such as 12h."),
    click.option("--tracker", "trackers", multiple=True, metavar="URL", help="One more tracker; repeatable."),
    click.option("--replace-trackers", is_flag=True, default=None, help="Only the trackers given here."),
    click.option("--web-seed", "web_seeds", multiple=True, metavar="URL", help="An HTTP source; repeatable."),
    click.option("--storage-mode", type=click.Choice([mode.value for mode in StorageMode]), help="How files grow."),
    click.option("--seed-mode", is_flag=True, default=None, help="The payload is there already: trust it and seed."),
    click.option("--super-seeding/--no-super-seeding", default=None, help="Upload each piece once while alone."),
    click.option("--auto-managed/--no-auto-managed", default=None, help="Let the engine's queue start and stop it."),
    click.option("--queue-position", type=click.IntRange(min=0), metavar="N", help="Its place in the queue, from 0."),
    click.option("--pex/--no-pex", "pex_enabled", default=None, help="Exchange peers with peers."),
    click.option("--process/--no-process", default=None, help="Post-process it when it is complete."),
    click.option("--id", metavar="UUID", help="Choose its id."),
)


def add_options(function: F) -> F:
    """Add every option of an add to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
