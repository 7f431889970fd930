"""`revaer edit`: what was asked of torrents that are here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import click

from revaer.cli import formats, terminal
from revaer.cli.completing import complete_category, complete_tag, complete_torrent
from revaer.cli.invocation import converse
from revaer.cli.outcomes import Outcomes
from revaer.cli.parameters import DURATION, RATE, comma_list
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.cli.tree import examples
from revaer.client import Client, EditOptions, Problem, Torrent

F = TypeVar("F", bound=Callable[..., Any])

UNSET = {
    "name": "name",
    "comment": "comment",
    "category": "category",
    "tags": "tags",
    "max-download-bps": "max_download_bps",
    "max-upload-bps": "max_upload_bps",
    "max-connections": "max_connections",
    "seed-ratio-limit": "seed_ratio_limit",
    "seed-time-limit": "seed_time_limit",
    "queue-position": "queue_position",
}
"""What can be taken back, by the names of the options."""

_TAGS: dict[str, Any] = {"multiple": True, "callback": comma_list, "metavar": "TAGS", "shell_complete": complete_tag}

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--name", metavar="TEXT", help="Show it under this name."),
    click.option("--comment", metavar="TEXT", help="A note for yourself."),
    click.option("--category", metavar="TEXT", shell_complete=complete_category, help="Its one category."),
    click.option("--tag", "tags", help="These tags instead of those it has.", **_TAGS),
    click.option("--add-tag", "more_tags", help="These tags too.", **_TAGS),
    click.option("--remove-tag", "fewer_tags", help="These tags no longer.", **_TAGS),
    click.option("--max-download-bps", type=RATE, metavar="RATE", help="Bytes per second such as 2M, or unlimited."),
    click.option("--max-upload-bps", type=RATE, metavar="RATE", help="Bytes per second such as 500K, or unlimited."),
    click.option("--max-connections", type=click.IntRange(min=1), metavar="N", help="How many peers."),
    click.option("--seed-ratio-limit", type=click.FloatRange(min=0), metavar="RATIO", help="Seed up to this ratio."),
    click.option("--seed-time-limit", type=DURATION, metavar="TIME", help="Seed for this long, such as 12h."),
    click.option("--queue-position", type=click.IntRange(min=0), metavar="N", help="Its place in the queue, from 0."),
    click.option("--sequential/--no-sequential", default=None, help="In order instead of rarest first."),
    click.option("--super-seeding/--no-super-seeding", default=None, help="Upload each piece once while alone."),
    click.option("--auto-managed/--no-auto-managed", default=None, help="Let the engine's queue start and stop it."),
    click.option("--pex/--no-pex", "pex_enabled", default=None, help="Exchange peers with peers."),
    click.option("--process/--no-process", default=None, help="Post-process it when it is complete."),
    click.option(
        "--add-web-seed", "more_seeds", multiple=True, metavar="URL", help="One more HTTP source; repeatable."
    ),
    click.option("--remove-web-seed", "fewer_seeds", multiple=True, metavar="URL", help="One less; repeatable."),
    click.option(
        "--unset",
        multiple=True,
        type=click.Choice(list(UNSET)),
        metavar="WHAT",
        help="Take back name, comment, category, tags or one of the limits, by its option's name; repeatable.",
    ),
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed of each torrent.

    Attributes:
        options: new values; `None` takes one back.
        more_tags: tags that are added to those of the torrent.
        fewer_tags: tags that go.
        more_seeds: web seeds that are added.
        fewer_seeds: web seeds that go.
    """

    options: Mapping[str, Any]
    more_tags: Sequence[str] = ()
    fewer_tags: Sequence[str] = ()
    more_seeds: Sequence[str] = ()
    fewer_seeds: Sequence[str] = ()

    @property
    def are_none(self) -> bool:
        """Whether nothing is to be changed."""
        return not (self.options or self.more_tags or self.fewer_tags or self.more_seeds or self.fewer_seeds)


def _edit_options(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command(
    epilog=examples(
        "revaer edit 3f9a --category films --add-tag seen",
        "revaer edit 3f9a 77c0 --max-upload-bps 500K --seed-ratio-limit 2",
        "revaer edit 3f9a --unset max-upload-bps            (its labels decide again)",
    )
)
@click.argument("torrents", metavar="<ID>...", nargs=-1, required=True, shell_complete=complete_torrent)
@_edit_options
@global_options(leading=False)
@click.pass_context
@pass_settings
def edit(settings: Settings, ctx: click.Context, /, *, torrents: tuple[str, ...], **given: Any) -> None:
    """Change the name, labels, limits and options of torrents.

    What is not named stays. The command returns when the change is durable and applied. `revaer action` does what needs
    to be done once, `revaer select` chooses files, `revaer trackers` changes trackers.
    """
    changes = changes_from(given)
    if len(torrents) == 1:
        torrent = converse(settings, lambda client: _edit_one(client, torrents[0], changes))
        if settings.as_json:
            terminal.show_json(torrent.document)
        else:
            terminal.say(f"changed {_named(torrent)}")
        return
    if "name" in changes.options:
        raise click.UsageError(f"--name is for one torrent, but there are {len(torrents)}.")
    outcomes = Outcomes(settings, named="id")
    with outcomes.shown():
        converse(settings, lambda client: _edit_all(client, torrents, changes, outcomes))
    ctx.exit(outcomes.code)


def changes_from(given: Mapping[str, Any]) -> Changes:
    """Read what is to be changed.

    Raises:
        click.UsageError: nothing is, or two options contradict each other.
    """
    separate = {"more_tags", "fewer_tags", "more_seeds", "fewer_seeds", "unset"}
    options = {key: value for key, value in given.items() if key not in separate and value is not None and value != ()}
    # The wire has 0 for unlimited here, because null asks for nothing.
    options = {key: 0 if key.endswith("_bps") and value == -1 else value for key, value in options.items()}
    if "tags" in options:
        options["tags"] = list(options["tags"])
    for name in given["unset"]:
        key = UNSET[name]
        if key in options:
            raise click.UsageError(f"--{name if key != 'tags' else 'tag'} and --unset {name} contradict each other.")
        options[key] = [] if key == "tags" else None
    if "tags" in options and (given["more_tags"] or given["fewer_tags"]):
        raise click.UsageError("--tag replaces all tags; it does not go with --add-tag and --remove-tag.")
    changes = Changes(options, *(given[name] for name in ("more_tags", "fewer_tags", "more_seeds", "fewer_seeds")))
    if changes.are_none:
        raise click.UsageError("what shall be changed? Give at least one option; `revaer edit --help` lists them.")
    return changes


async def _edit_one(client: Client, key: str, changes: Changes) -> Torrent:
    return await _apply(client, await client.resolve(key), changes)


async def _edit_all(client: Client, keys: Sequence[str], changes: Changes, outcomes: Outcomes) -> None:
    for torrent_id in dict.fromkeys(await client.resolve_all(keys)):
        try:
            torrent = await _apply(client, torrent_id, changes)
        except Problem as problem:
            outcomes.refused(torrent_id, problem)
        else:
            outcomes.done(torrent_id, f"changed {_named(torrent)}", {"torrent": dict(torrent.document)})


async def _apply(client: Client, torrent_id: str, changes: Changes) -> Torrent:
    options = dict(changes.options)
    if changes.more_tags or changes.fewer_tags:
        there = (await client.get(torrent_id)).torrent.tags
        kept = [tag for tag in there if tag not in changes.fewer_tags]
        options["tags"] = list(dict.fromkeys([*kept, *changes.more_tags]))
    if changes.more_seeds or changes.fewer_seeds:
        await client.trackers.change_web_seeds(torrent_id, add=changes.more_seeds, remove=changes.fewer_seeds)
    if options:
        return await client.edit(torrent_id, cast("EditOptions", options))
    return (await client.get(torrent_id)).torrent


def _named(torrent: Torrent) -> str:
    return f"{torrent.id}  {formats.visible(torrent.name or torrent.info_hash)}"
