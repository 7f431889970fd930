"""`revaer import`: take over the torrents of qBittorrent or Transmission, with what they have already."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from revaer.cli import formats, terminal
from revaer.cli.add import BATCH, BATCH_BYTES, MANY_SECONDS
from revaer.cli.failures import WrongRequest
from revaer.cli.invocation import converse
from revaer.cli.outcomes import problem_of
from revaer.cli.parameters import DRY_RUN, PATH_MAP
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, add_body

if TYPE_CHECKING:
    from revaer.importing.foreign import ForeignTorrent, Found

F = TypeVar("F", bound=Callable[..., Any])
CONFLICT: Final = 409


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
    paths = PathMap(pairs)
    bodies = [_body(torrent, paths.path, process=process, start_paused=start_paused) for torrent in found.torrents]
    results = [_facts(torrent, body) for torrent, body in zip(found.torrents, bodies, strict=True)]
    if bodies and not dry_run:
        timeout = max(settings.timeout, MANY_SECONDS)
        converse(settings, lambda client: _add(client, bodies, results), timeout=timeout)
    results += [{"source": one.source, "name": one.name, "outcome": "left", "reason": one.reason} for one in found.left]
    _show(settings, found.program, results, dry_run=dry_run)
    return WrongRequest.exit_code if any(result["outcome"] in {"left", "refused"} for result in results) else 0


def _body(torrent: ForeignTorrent, path: Callable[[str], str], *, process: bool, start_paused: bool) -> dict[str, Any]:
    options = dict(torrent.options)
    options["download_dir"] = path(options["download_dir"])
    options["process"] = process
    if start_paused:
        options["start_paused"] = True
    body: dict[str, Any] = add_body(magnet=torrent.magnet, metainfo=torrent.metainfo) | options
    if torrent.record is not None:
        body["resume"] = base64.b64encode(torrent.record).decode("ascii")
    return body


def _facts(torrent: ForeignTorrent, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": torrent.source,
        "name": torrent.name,
        "outcome": "would be carried",
        "percent_complete": round(torrent.percent, 1),
        "download_dir": body["download_dir"],
        "left_behind": list(torrent.left_behind),
    }


async def _add(client: Client, bodies: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]) -> None:
    for start, end in _batches(bodies):
        outcomes = await client.many.add(bodies[start:end])
        for outcome, result in zip(outcomes, results[start:end], strict=True):
            if outcome.problem is None:
                result |= {"outcome": "carried", "id": outcome.id}
            elif outcome.problem.status == CONFLICT and outcome.problem.context.get("id"):
                result |= {"outcome": "here already", "id": outcome.problem.context["id"]}
            else:
                result |= {"outcome": "refused", "problem": problem_of(outcome.problem)}


def _batches(bodies: Sequence[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    start = size = 0
    for at, body in enumerate(bodies):
        more = len(body.get("metainfo", "")) + len(body.get("resume", ""))
        if at > start and (at - start == BATCH or size + more > BATCH_BYTES):
            yield start, at
            start, size = at, 0
        size += more
    if start < len(bodies):
        yield start, len(bodies)


def _show(settings: Settings, program: str, results: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    if settings.as_json:
        terminal.show_json({"program": program, "dry_run": dry_run, "results": list(results)})
        return
    table = terminal.new_table("NAME", "OUTCOME", "DONE", "FACTS", right=("DONE",))
    for result in results:
        done = formats.percent(result["percent_complete"]) if "percent_complete" in result else "-"
        cells = (result["name"], result["outcome"], done, _words(result))
        table.add_row(*(terminal.flexible(cell) for cell in cells))
    terminal.show_table(table)
    counts = {outcome: sum(result["outcome"] == outcome for result in results) for outcome in _outcomes(results)}
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    terminal.notice(f"{program}: {said or 'nothing found'}")


def _outcomes(results: Sequence[dict[str, Any]]) -> Sequence[str]:
    return list(dict.fromkeys(result["outcome"] for result in results))


def _words(result: dict[str, Any]) -> str:
    if "reason" in result:
        return str(result["reason"])
    if "problem" in result:
        problem = result["problem"]
        where = "; ".join(f"{one['pointer']}: {one['message']}" for one in problem.get("invalid_params", ()))
        return where or problem.get("detail") or str(problem["title"])
    left = ", ".join(result["left_behind"])
    return f"{result['download_dir']}{f'; not carried: {left}' if left else ''}"
