"""`revaer import`: take over the torrents of qBittorrent or Transmission, with what they have already."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from revaer.cli import formats, terminal
from revaer.cli.batches import MANY_SECONDS, batches
from revaer.cli.failures import WrongRequest
from revaer.cli.invocation import converse
from revaer.cli.outcomes import problem_of
from revaer.cli.parameters import DRY_RUN, PATH_MAP
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Unreachable, add_body

if TYPE_CHECKING:
    from revaer.backup.mapping import PathMap
    from revaer.importing.foreign import ForeignTorrent, Found

F = TypeVar("F", bound=Callable[..., Any])
CONFLICT: Final = 409
_IN_BATCH: Final = re.compile(r"^/torrents/\d+(?=/)")
_HASHES: Final = ("info_hash_v1", "info_hash_v2")


def _options(command: F) -> F:
    process = click.option(
        "--process", is_flag=True, help="Have finished downloads post-processed; otherwise they stay as they are."
    )
    paused = click.option("--start-paused", is_flag=True, help="Let none of them run until it is resumed.")
    return PATH_MAP(process(paused(DRY_RUN(command))))


@click.group("import")
def imports() -> None:
    """Take over torrents from another program.

    Stop the other program first, and do not start it again on the same files. The payload stays where it is; what the
    other program had is taken for true and not hashed again, and the rest is downloaded. Torrents that are here already
    are left alone, so the command can be repeated. What could not be carried is listed.
    """


@imports.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_options
@global_options(leading=False)
@click.pass_context
@pass_settings
def qbittorrent(settings: Settings, ctx: click.Context, /, *, folder: Path, **given: Any) -> None:
    """Take over the torrents of qBittorrent.

    FOLDER is its BT_backup, on Linux ~/.local/share/qBittorrent/BT_backup.
    """
    from revaer.importing.qbittorrent import read  # noqa: PLC0415  # --help waits for no more than it needs

    ctx.exit(_take_over(settings, read, folder, **given))


@imports.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_options
@global_options(leading=False)
@click.pass_context
@pass_settings
def transmission(settings: Settings, ctx: click.Context, /, *, folder: Path, **given: Any) -> None:
    """Take over the torrents of Transmission.

    FOLDER is its configuration directory, such as ~/.config/transmission-daemon.
    """
    from revaer.importing.transmission import read  # noqa: PLC0415  # as above

    ctx.exit(_take_over(settings, read, folder, **given))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How torrents are taken over: with their directories as they are here, and with what the options said."""

    paths: PathMap
    process: bool
    start_paused: bool

    def body(self, torrent: ForeignTorrent) -> dict[str, Any]:
        """Write the body that adds a torrent."""
        options = dict(torrent.options) | {"download_dir": self.directory(torrent), "process": self.process}
        if self.start_paused:
            options["start_paused"] = True
        body: dict[str, Any] = add_body(magnet=torrent.magnet, metainfo=torrent.metainfo) | options
        if torrent.record is not None:
            body["resume"] = base64.b64encode(torrent.record).decode("ascii")
        return body

    def result(self, torrent: ForeignTorrent, **outcome: Any) -> dict[str, Any]:
        """Say what became of a torrent."""
        return {
            "source": torrent.source,
            "name": torrent.name,
            **outcome,
            "percent_complete": round(torrent.percent, 1),
            "download_dir": self.directory(torrent),
            "left_behind": list(torrent.left_behind),
        }

    def directory(self, torrent: ForeignTorrent) -> str:
        """Where its payload is, as the daemon sees it."""
        return self.paths.path(torrent.options["download_dir"])


def _take_over(
    settings: Settings,
    read: Callable[[Path], Found],
    folder: Path,
    *,
    pairs: tuple[tuple[PurePosixPath, PurePosixPath], ...],
    process: bool,
    start_paused: bool,
    dry_run: bool,
) -> int:
    from revaer.backup.mapping import PathMap  # noqa: PLC0415  # as above
    from revaer.importing.foreign import ImportFailed  # noqa: PLC0415  # as above

    try:
        found = read(folder)
    except ImportFailed as error:
        raise WrongRequest(str(error)) from error
    plan = _Plan(PathMap(pairs), process, start_paused)
    results: list[dict[str, Any]] = []
    left = [{"source": one.source, "name": one.name, "outcome": "left", "reason": one.reason} for one in found.left]
    work = _foresee if dry_run else _add
    try:
        if found.torrents:
            timeout = max(settings.timeout, MANY_SECONDS)
            converse(settings, lambda client: work(client, found.torrents, plan, results), timeout=timeout)
    except BaseException:
        if results:
            _show(settings, found.program, results + left, dry_run=dry_run)
        raise
    results += left
    _show(settings, found.program, results, dry_run=dry_run)
    return WrongRequest.exit_code if any(result["outcome"] in {"left", "refused"} for result in results) else 0


async def _add(client: Client, torrents: Sequence[ForeignTorrent], plan: _Plan, results: list[dict[str, Any]]) -> None:
    """Add a batch after the other, and write down what became of each."""
    for batch in batches((torrent, plan.body(torrent)) for torrent in torrents):
        outcomes = await client.many.add([body for _, body in batch])
        for (torrent, _), outcome in zip(batch, outcomes, strict=True):
            if outcome.problem is None:
                told: dict[str, Any] = {"outcome": "carried", "id": outcome.id}
            elif outcome.problem.status == CONFLICT and outcome.problem.context.get("id"):
                told = {"outcome": "here already", "id": outcome.problem.context["id"]}
            else:
                told = {"outcome": "refused", "problem": problem_of(outcome.problem)}
            results.append(plan.result(torrent, **told))


async def _foresee(
    client: Client, torrents: Sequence[ForeignTorrent], plan: _Plan, results: list[dict[str, Any]]
) -> None:
    """Write down what would become of each, as far as the daemon's list tells."""
    try:
        rows = await client.all_rows(_HASHES)
    except Unreachable as error:
        terminal.notice(f"{error}: which torrents are here already is not known.")
        rows = ()
    here = {row[name]: row["id"] for row in rows for name in _HASHES if row.get(name)}
    for torrent in torrents:
        known = next((here[name] for name in (torrent.hashes.v1, torrent.hashes.v2) if name in here), None)
        told = {"outcome": "would be carried"} if known is None else {"outcome": "here already", "id": known}
        results.append(plan.result(torrent, **told))
    terminal.notice("Whether the daemon finds the directories, and may use them, shows without --dry-run.")


def _show(settings: Settings, program: str, results: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    if settings.as_json:
        terminal.show_json({"program": program, "dry_run": dry_run, "results": list(results)})
        return
    table = terminal.new_table("NAME", "OUTCOME", "DONE", "FACTS", right=("DONE",))
    for result in results:
        is_told = "percent_complete" in result and "problem" not in result
        done = formats.percent(result["percent_complete"]) if is_told else "-"
        cells = (result["name"], result["outcome"], done, _words(result))
        table.add_row(*(terminal.flexible(cell) for cell in cells))
    terminal.show_table(table)
    counts = {outcome: sum(result["outcome"] == outcome for result in results) for outcome in _outcomes(results)}
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    terminal.notice(f"{program}: {said or 'nothing found'}")
    if any(_is_elsewhere(result) for result in results):
        terminal.notice("Directories that are other ones here: name them with --map OLD=NEW, and repeat the command.")


def _outcomes(results: Sequence[dict[str, Any]]) -> Sequence[str]:
    return list(dict.fromkeys(result["outcome"] for result in results))


def _field(param: dict[str, str]) -> str:
    """Name what is wrong of a torrent; where it stood in the batch is nobody's concern."""
    return _IN_BATCH.sub("", param["pointer"])


def _is_elsewhere(result: dict[str, Any]) -> bool:
    """Tell whether a torrent was refused because of its directory."""
    return any(_field(one) == "/download_dir" for one in result.get("problem", {}).get("invalid_params", ()))


def _words(result: dict[str, Any]) -> str:
    if "reason" in result:
        return str(result["reason"])
    if "problem" in result:
        problem = result["problem"]
        where = "; ".join(f"{_field(one)}: {one['message']}" for one in problem.get("invalid_params", ()))
        return where or problem.get("detail") or str(problem["title"])
    left = ", ".join(result["left_behind"])
    return f"{result['download_dir']}{f'; not carried: {left}' if left else ''}"
