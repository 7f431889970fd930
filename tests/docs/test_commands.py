"""Every command that a page shows can be typed: it exists, takes these options and values, and has what it needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import ValidationError

from revaer.cli.main import cli
from revaer.cli.patches import assigned
from revaer.config.documents import Configuration
from revaer.config.merge_patch import merge_patch

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path != ROOT / "docs" / "cli.md"),
]
ASSIGNS = (("config", "set"), ("config", "validate"))


def logical_lines(block: str) -> Iterator[list[str]]:
    """The words of each line of a shell sample, with a quotation or a backslash leading into the next line."""
    begun = ""
    for line in block.splitlines():
        begun += line + "\n"
        if line.endswith("\\"):
            begun = begun[:-2] + " "
            continue
        lexer = shlex.shlex(begun, posix=True, punctuation_chars="();|&\n")
        lexer.whitespace_split = True
        try:
            yield list(lexer)
        except ValueError:
            continue
        begun = ""
    assert not begun, f"a quotation is not closed: {begun}"


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each `revaer` in a shell sample."""
    plain = re.sub(r"\$\([^()]*\)", "substituted", re.sub(r"<[a-z][a-z -]*>", "0197", text))
    for words in logical_lines(plain):
        segment: list[str] = []
        for word in [*words, ";"]:
            if re.fullmatch(r"[();|&\n]+", word):
                yield from called(segment)
                segment = []
            else:
                segment.append(word)


def called(segment: list[str]) -> Iterator[list[str]]:
    """The arguments of `revaer` if that is what this simple command runs, by itself or in a container."""
    words = list(segment)
    while words and (words[0] in {"do", "then"} or re.match(r"[A-Z_]+=", words[0])):
        words.pop(0)
    for container in (["docker", "exec", "revaer"], ["docker", "compose", "exec", "revaer"]):
        if words[: len(container)] == container:
            words = words[len(container) :]
    if words and words[0] == "revaer":
        yield words[1:]


def blocks(page: Path) -> list[list[str]]:
    found = re.findall(r"^ *```sh\n(.*?)^ *```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [command for block in found for command in commands(block)]


def mentions(page: Path) -> list[list[str]]:
    """What the prose of a page names, which may leave out what is not the point."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    spans = (re.sub(r"\s+", " ", span) for span in re.findall(r"`(revaer [^`]+)`", prose))
    return [command for span in spans if "…" not in span for command in commands(span)]


def typed(words: list[str], *, whole: bool) -> tuple[list[str], list[str]]:
    """Parse a command line as the shell's user would have it parsed, but for files, which need not be here.

    Args:
        words: the arguments of `revaer`.
        whole: whether nothing that is needed may be left out.

    Returns:
        The names of the command, and its arguments without options.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="revaer", **cli.context_settings)  # each command keeps what help is called
    names: list[str] = []
    rest = list(words)
    while True:
        options, left, _ = command.make_parser(context).parse_args(list(rest))
        check_values(command, context, options, whole=whole)
        if not isinstance(command, click.Group):
            assert not left, f"{left} is too much"
            return names, rest
        if not left:
            assert command.invoke_without_command or not whole, "a command is missing"
            return names, []
        name, child, rest = command.resolve_command(context, list(left))
        assert child is not None, f"there is no command {left[0]}"
        command = child
        names.append(str(name))
        context = click.Context(command, info_name=name, parent=context)


def check_values(command: click.Command, context: click.Context, options: dict[str, object], *, whole: bool) -> None:
    """Refuse what a parameter does not take."""
    for parameter in command.get_params(context):
        given = options.get(parameter.name or "")
        is_given = isinstance(given, (str, tuple, list, int)) and given != () and given is not False
        if whole and parameter.required:
            assert is_given, f"{parameter.name} is missing"
        if is_given and not isinstance(parameter.type, (click.Path, click.File)):
            parameter.type_cast_value(context, given)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_samples_can_be_typed(page: Path) -> None:
    for words in blocks(page):
        try:
            names, arguments = typed(words, whole=True)
            if tuple(names) in ASSIGNS:
                patch = assigned([word for word in arguments if word.startswith("/")])
                Configuration.model_validate(merge_patch(Configuration().model_dump(mode="json"), patch))
        except (click.UsageError, ValidationError, AssertionError) as error:
            raise AssertionError(f"revaer {shlex.join(words)}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_prose_names_exist(page: Path) -> None:
    for words in mentions(page):
        try:
            typed(words, whole=False)
        except (click.UsageError, AssertionError) as error:
            raise AssertionError(f"revaer {shlex.join(words)}: {error}") from error


def test_samples_are_found() -> None:
    assert sum(len(blocks(page)) for page in PAGES) > 80
    assert sum(len(mentions(page)) for page in PAGES) > 40


@pytest.mark.parametrize(
    "line",
    [
        "revaer nonsense",
        "revaer ls --nonsense",
        "revaer status",
        "revaer keys",
        "revaer keys issue --scope read --rate-limit often",
        "revaer serve --port 70000",
        "X=1 revaer backup one two",
        "sleep 1; revaer labels set category",
    ],
)
def test_what_cannot_be_typed_is_found(line: str) -> None:
    [words] = commands(line)
    with pytest.raises((click.UsageError, AssertionError)):
        typed(words, whole=True)


def test_samples_are_read_as_a_shell_reads_them() -> None:
    text = "revaer ls && A_KEY=x revaer \\\n  status <id> # revaer no\ndocker exec revaer revaer config set '/a=\n 1' &"
    assert list(commands(text)) == [["ls"], ["status", "0197"], ["config", "set", "/a=\n 1"]]
