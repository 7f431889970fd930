"""`revaer config set`, `validate` and `rollback`: changing the configuration, or trying to."""

from __future__ import annotations

import click

from revaer.cli import terminal
from revaer.cli.changes import show_applied, show_validation
from revaer.cli.failures import Failure
from revaer.cli.invocation import converse
from revaer.cli.patches import patch_from
from revaer.cli.rollback_plan import RollbackPlan, plan_rollback
from revaer.cli.settings import Settings, global_options, pass_settings
from revaer.client import Client, Validation

_REVISION = click.IntRange(min=0)
_ASSIGNMENTS = click.argument("assignments", nargs=-1, metavar="[POINTER=VALUE]...")
_FILE = click.option("--file", metavar="FILE", help="A JSON merge patch (RFC 7396) by document; - is standard input.")
_IF_MATCH = click.option(
    "--if-match", type=_REVISION, metavar="REVISION", help="Only if the configuration still is at this revision."
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only show what would change.")


@click.command("set")
@_ASSIGNMENTS
@_FILE
@_IF_MATCH
@_DRY_RUN
@global_options(leading=False)
@pass_settings
def apply(
    settings: Settings, *, assignments: tuple[str, ...], file: str | None, if_match: int | None, dry_run: bool
) -> None:
    """Change the configuration.

    VALUE is JSON: a number, true, "text" in double quotes, a list; null gives the default back. All that is asked for
    becomes one revision, or nothing does.
    """
    _check(dry_run=dry_run, if_match=if_match)
    patch = patch_from(assignments, file)
    if dry_run:
        _show(settings, converse(settings, lambda client: client.config.validate(patch)))
        return
    snapshot = converse(settings, lambda client: client.config.patch(patch, expected=if_match))
    if settings.as_json:
        terminal.show_json(snapshot.document)
    else:
        show_applied(snapshot)


@click.command()
@_ASSIGNMENTS
@_FILE
@global_options(leading=False)
@pass_settings
def validate(settings: Settings, *, assignments: tuple[str, ...], file: str | None) -> None:
    """Try a change without making it.

    Shows what would differ and what that reaches; ends with 2 when the change would be refused.
    """
    patch = patch_from(assignments, file)
    _show(settings, converse(settings, lambda client: client.config.validate(patch)))


@click.command()
@click.argument("revision", type=click.IntRange(min=1), metavar="<REVISION>")
@_IF_MATCH
@_DRY_RUN
@global_options(leading=False)
@pass_settings
def rollback(settings: Settings, *, revision: int, if_match: int | None, dry_run: bool) -> None:
    """Go back to an earlier revision.

    The documents get their contents of then, as a new revision. Mode, keys and secrets stay.
    """
    _check(dry_run=dry_run, if_match=if_match)
    if dry_run:
        plan, validation = converse(settings, lambda client: _preview(client, revision))
        _show(settings, validation)
        for pointer in plan.unknown:
            terminal.notice(f"Not shown, because the history masks it: {pointer}")
        return
    snapshot = converse(settings, lambda client: client.config.roll_back(revision, expected=if_match))
    if settings.as_json:
        terminal.show_json(snapshot.document)
    else:
        show_applied(snapshot)


async def _preview(client: Client, revision: int) -> tuple[RollbackPlan, Validation]:
    """Try what going back would do, worked out from the history."""
    snapshot = await client.config.read()
    entries = await client.config.history_down_to(revision)
    if not any(entry.revision == revision for entry in entries):
        raise Failure(f"there is no revision {revision}", lines=["`revaer config history` lists them."])
    later = [entry for entry in entries if revision < entry.revision <= snapshot.revision]
    undone = [change for entry in later for change in reversed(entry.changes)]
    plan = plan_rollback(snapshot.document, undone)
    return plan, await client.config.validate(plan.patch)


def _check(*, dry_run: bool, if_match: int | None) -> None:
    if dry_run and if_match is not None:
        raise click.UsageError("--if-match guards a change; it does not go with --dry-run.")


def _show(settings: Settings, validation: Validation) -> None:
    if settings.as_json:
        terminal.show_json(validation.document)
    else:
        show_validation(validation)
