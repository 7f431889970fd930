"""`docs/cli.md` is what the command tree says, and the tree says everything."""

from pathlib import Path

import click

from revaer.cli.commands import ALIASES, COMMANDS
from revaer.cli.manual import manual
from revaer.cli.shapes import SHAPES
from revaer.cli.tree import leaves
from tests.cli.conftest import Revaer

ROOT = Path(__file__).parents[2]


def test_the_manual_is_up_to_date() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == manual(), "run `just docs-cli`"


def test_every_command_is_in_the_manual_with_what_it_writes_for_programs() -> None:
    text = manual()

    assert set(SHAPES) == {name for name, _command in leaves()}
    for name, _command in leaves():
        assert f" revaer {name}\n" in text
        assert f"With `--output json`: {SHAPES[name]}\n" in text
    for group, names in ALIASES.items():
        for old, new in names.items():
            assert f"| `revaer {group} {old}` | `revaer {new}` |" in text


def test_every_command_and_each_of_its_options_is_described() -> None:
    for name, command in leaves():
        assert command.help, name
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.help, f"{name} {option.name}"
                assert option.help.endswith((".", "]", ")")) or "  [" in option.help, f"{name} {option.name}"


def test_every_help_leads_to_the_global_options(bare: Revaer) -> None:
    for name in COMMANDS:
        text = " ".join(bare(name, "--help").out.split())
        if name != "completion":
            assert "Options for every command, such as --output json: revaer --help" in text, name


def test_no_line_of_the_manual_is_wider_than_a_page() -> None:
    fenced = [part for number, part in enumerate(manual().split("```")) if number % 2]

    assert max(len(line) for part in fenced for line in part.splitlines()) <= 110
