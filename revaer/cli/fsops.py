"""`revaer fsops`: what becomes of finished downloads."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import click
from rich.text import Text

from revaer.cli import formats, terminal
from revaer.cli.completing import complete_torrent
from revaer.cli.failures import Failure
from revaer.cli.invocation import converse
from revaer.cli.parameters import comma_list
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Job, JobError, JobPage, JobQueue, Plan, Problem, Verification

STATE_STYLES = {
    "queued": "dim",
    "running": "yellow",
    "completed": "green",
    "failed": "bold red",
    "cancelled": "dim",
    "skipped": "dim",
}
CHANGE_SECONDS = 60.0
"""How long a change is waited for at least: a job that runs has to stop first."""

VERIFY_WAIT = 5.0
"""Seconds between two words of a verification that takes long."""

_ID = click.argument("torrent", metavar="<ID>", shell_complete=complete_torrent)


@click.group()
@global_options(leading=False)
def fsops() -> None:
    """See to the post-processing of finished downloads.

    <ID> is a torrent's id, an info-hash, or the unique beginning of one.
    """


@fsops.command("ls")
@click.option("--state", multiple=True, callback=comma_list, metavar="STATES", help="Only these states.")
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="How many on a page.  [default: 50]")
@click.option("--cursor", metavar="CURSOR", help="The page after this one, as the last page said.")
@click.option("--all", "everything", is_flag=True, help="Every page.")
@global_options(leading=False)
@pass_settings
def list_jobs(
    settings: Settings, *, state: tuple[str, ...], limit: int | None, cursor: str | None, everything: bool
) -> None:
    """List jobs."""
    if everything and cursor is not None:
        raise click.UsageError("--all starts at the first page; it does not go with --cursor.")

    async def fetch(client: Client) -> JobPage:
        if not everything:
            return await client.fsops.page(states=state, limit=limit, cursor=cursor)
        jobs = await client.fsops.list(states=state)
        return JobPage(jobs, None, {"jobs": [job.document for job in jobs]})

    page = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(page.document)
        return
    _show_jobs(page.jobs)
    if page.next is not None:
        terminal.notice(f"There are more: --all, or --cursor {page.next}")


def _show_jobs(jobs: Sequence[Job]) -> None:
    if not jobs:
        terminal.notice("No jobs.")
        return
    table = terminal.new_table("TORRENT", "STATE", "TRIES", "REASON", right=("TRIES",))
    for job in jobs:
        table.add_row(
            Text(formats.visible(job.torrent_id)),
            Text(formats.visible(job.state), style=STATE_STYLES.get(job.state, "")),
            str(job.attempt),
            terminal.flexible(_reason(job)),
        )
    terminal.show_table(table)


def _reason(job: Job) -> str:
    """Say what is worth knowing of a job in a word or two."""
    if job.error is not None:
        again = f"; again at {formats.moment(job.next_try_at)}" if job.next_try_at is not None else ""
        return f"{_error(job.error)}{again}"
    return job.waiting_for or job.artifact_path or ""


def _error(error: JobError) -> str:
    where = f" ({error.path})" if error.path is not None else ""
    return f"{error.step}: {error.message}{where}"


@fsops.command()
@_ID
@global_options(leading=False)
@pass_settings
def show(settings: Settings, *, torrent: str) -> None:
    """Look at the job of one torrent closely."""

    async def fetch(client: Client) -> Job:
        return await client.fsops.get(await client.resolve(torrent))

    job = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(job.document)
        return
    facts = {
        "State": job.state,
        "Tries": str(job.attempt),
        "Error": _error(job.error) if job.error else None,
        "Next try": formats.moment(job.next_try_at) if job.next_try_at else None,
        "Waits for": job.waiting_for,
        "Entry": job.artifact_path,
    }
    for name, value in facts.items():
        if value:
            terminal.say(Text.assemble((f"{name:<10} ", "bold"), formats.visible(value)))
    if job.steps:
        table = terminal.new_table("STEP", "OUTCOME", "SECONDS", "SIZE", "REASON", right=("SECONDS", "SIZE"))
        for step in job.steps:
            cells = (formats.visible(step.name), formats.visible(step.outcome), f"{step.seconds:.3f}")
            table.add_row(*cells, formats.size(step.bytes) if step.bytes else "-", terminal.flexible(step.detail))
        terminal.show_table(table)


@fsops.command()
@_ID
@global_options(leading=False)
@pass_settings
def plan(settings: Settings, *, torrent: str) -> None:
    """Tell what a run would do now, and do nothing."""

    async def fetch(client: Client) -> Plan:
        return await client.fsops.plan(await client.resolve(torrent))

    found = converse(settings, fetch)
    if settings.as_json:
        terminal.show_json(found.document)
        return
    if found.entry is not None:
        terminal.say(Text.assemble(("Entry      ", "bold"), formats.visible(found.entry)))
    table = terminal.new_table("STEP", "ACTION", "REASON")
    for step in found.steps:
        table.add_row(formats.visible(step.name), formats.visible(step.action), terminal.flexible(step.reason))
    if found.steps:
        terminal.show_table(table)
    if found.problem is not None:
        terminal.say(Text(f"It would fail: {formats.visible(_error(found.problem))}", style="bold red"))


@fsops.command()
@_ID
@global_options(leading=False)
@pass_settings
def retry(settings: Settings, *, torrent: str) -> None:
    """Have a torrent processed again, also one that never was."""

    async def again(client: Client) -> Job:
        return await client.fsops.retry(await client.resolve(torrent))

    _show_change(settings, converse(settings, again, timeout=max(settings.timeout, CHANGE_SECONDS)))


@fsops.command()
@_ID
@global_options(leading=False)
@pass_settings
def cancel(settings: Settings, *, torrent: str) -> None:
    """Stop the post-processing of a torrent.

    It seeds on, and is not in the library. `revaer fsops retry` starts it again.
    """

    async def stop(client: Client) -> Job:
        return await client.fsops.cancel(await client.resolve(torrent))

    _show_change(settings, converse(settings, stop, timeout=max(settings.timeout, CHANGE_SECONDS)))


def _show_change(settings: Settings, job: Job) -> None:
    if settings.as_json:
        terminal.show_json(job.document)
    else:
        terminal.say(f"{formats.visible(job.torrent_id)} is {formats.visible(job.state)}")


@fsops.command()
@global_options(leading=False)
@pass_settings
def pause(settings: Settings) -> None:
    """Begin no further job; those that run go on."""
    _show_queue(settings, converse(settings, lambda client: client.fsops.pause()))


@fsops.command()
@global_options(leading=False)
@pass_settings
def resume(settings: Settings) -> None:
    """Let jobs begin again."""
    _show_queue(settings, converse(settings, lambda client: client.fsops.resume()))


def _show_queue(settings: Settings, queue: JobQueue) -> None:
    if settings.as_json:
        terminal.show_json(queue.document)
    else:
        state = "paused" if queue.paused else "open"
        terminal.say(f"the queue is {state}: {queue.queued} queued, {queue.running} running")


@fsops.command()
@global_options(leading=False)
@pass_settings
def verify(settings: Settings) -> None:
    """Hash the library again and hold it against what was published.

    Nothing is changed. The exit code is 3 when something is changed, missing or unreadable.
    """

    async def look(client: Client) -> Verification:
        try:
            report = await client.fsops.verify(wait_seconds=VERIFY_WAIT)
        except Problem as problem:
            if problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            # A library that is away is not back in the seconds that the daemon names for whatever is away.
            raise Problem(problem.document) from problem
        while not report.finished:
            if not settings.as_json:
                done = f"{report.entries} of {report.entries_total} entries"
                terminal.notice(f"{done}, {formats.size(report.bytes)} hashed")
            report = await client.fsops.verify(report.run_id, wait_seconds=VERIFY_WAIT)
        return report

    report = converse(settings, look, timeout=max(settings.timeout, 2 * VERIFY_WAIT + 10.0))
    if settings.as_json:
        terminal.show_json(report.document)
    else:
        _show_report(report)
    if report.error is not None:
        raise Failure("the library could not be verified", detail=report.error)
    if report.findings_total:
        raise Failure("the library is not as it was published", detail=f"findings: {report.findings_total}")


def _show_report(report: Verification) -> None:
    if report.findings:
        table = terminal.new_table("TORRENT", "WHAT", "PATH", "REASON")
        for one in report.findings:
            cells = (Text(formats.visible(one.torrent_id)), Text(formats.visible(one.kind)))
            table.add_row(*cells, terminal.flexible(one.path), terminal.flexible(one.detail))
        terminal.show_table(table)
    elif report.error is None:
        terminal.say(f"{report.entries} entries are as they were published, {formats.size(report.bytes)} hashed")
