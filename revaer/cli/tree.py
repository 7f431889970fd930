"""The command tree: groups whose commands are loaded when they are used, and help that is grouped."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import click

from revaer.cli.commands import ALIASES, COMMANDS, GROUPS

GLOBAL_HINT = "Options for every command, such as --output json: revaer --help"
"""Where a command's help leads to for the options that it does not list."""


class Interrupted(Exception):
    """The user pressed Ctrl-C."""


class PipeClosed(Exception):
    """Whoever read the output has gone."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used: the daemon's imports must not slow down `revaer ls`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; `None` when there is none of that name."""
        if cmd_name in ALIASES:
            return alias_group(cmd_name)
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with; the refusal of an unknown one proposes what was meant."""
        if (
            args
            and self.get_command(ctx, args[0]) is None
            and not args[0].startswith("-")
            and not ctx.resilient_parsing
        ):
            raise click.UsageError(f"No such command '{args[0]}'.{_proposal(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and the options after them."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help's lists of commands without loading them, every list as wide as the widest."""
        widest = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), text) for name, (_place, text) in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        """Propose commands without loading them, and the options of the group."""
        found = [
            click.shell_completion.CompletionItem(name, help=text)
            for name, (_place, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed pipe and Ctrl-C pass click by, which would report them."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise PipeClosed from error
        except KeyboardInterrupt as error:
            raise Interrupted from error
        return result


class DefaultGroup(click.Group):
    """A group that takes its `default` command when none is named: `revaer trackers <ID>`."""

    def __init__(self, *arguments: Any, default: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.default = default

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with, else the default."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [self.default, *args]
        return super().resolve_command(ctx, args)


def load_command(name: str) -> click.Command:
    """Import one command, such as `add`, or `config set` in its group."""
    first, *rest = name.split()
    module, _, attribute = COMMANDS[first][0].partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    _hint(command)
    for step in rest:
        assert isinstance(command, click.Group), "only groups hold commands"
        command = command.commands[step]
    return command


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Walk every command that does something by itself, each with its whole name."""
    for name in COMMANDS:
        yield from _leaves(name, load_command(name))


def _leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield name, command
    if isinstance(command, click.Group):
        for step, inner in command.commands.items():
            yield from _leaves(f"{name} {step}", inner)


def _hint(command: click.Command) -> None:
    """Let the help of a command, and of those in its group, lead to the options that it does not list."""
    if command.epilog is None:
        command.epilog = GLOBAL_HINT
    if isinstance(command, click.Group):
        for one in command.commands.values():
            _hint(one)


def alias_group(name: str) -> click.Group:
    """Make the group of an earlier version's names."""
    commands = {alias: load_command(real) for alias, real in ALIASES[name].items()}
    return click.Group(name, commands=commands, help="Names of earlier versions.")


def examples(*lines: str) -> str:
    """Write the examples of a command's help, one line each, and where its other options are told."""
    shown = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExamples:\n{shown}\n\n{GLOBAL_HINT}"


def _proposal(name: str) -> str:
    import difflib  # noqa: PLC0415 (only a mistake needs it)

    near = difflib.get_close_matches(name, [*COMMANDS, "torrent", "settings"], n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
