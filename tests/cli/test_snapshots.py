"""What the command line writes, to the character: help, tables, documents, problems.

After a wanted change `just cli-snapshots` writes the files anew; read the difference before you keep it.
"""

from collections import Counter

import pytest

from revaer.cli.tree import leaves
from tests.support.cli_scenes import PLACE, SCENES, commands, helps, played

WITHOUT_A_DAEMON = {"serve", "demo", "completion", "backup", "restore", "import qbittorrent", "import transmission"}
"""Commands whose output belongs to their own tests."""

SEEN_ELSEWHERE = {
    "top",
    "logs",
    "setup",
    "setup start",
    "setup complete",
    "create",
    "dashboard",
    "browse",
    "config schema",
} | {
    "config validate",
    "fsops resume",
    "fsops verify",
    "secrets rotate-key",
    "trackers set",
}
"""Commands whose output other tests here hold to the character."""


def test_the_help_of_every_command_is_as_written_down() -> None:
    assert helps() == (PLACE / "help.txt").read_text(), "run `just cli-snapshots`"


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_as_written_down(name: str) -> None:
    assert played(SCENES[name]) == (PLACE / f"{name}.txt").read_text(), "run `just cli-snapshots`"


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in PLACE.glob("*.txt")} == {"help", *SCENES}


def test_every_command_has_its_help_once() -> None:
    lines = (PLACE / "help.txt").read_text().splitlines()
    headings = Counter(line for line in lines if line.startswith("$ revaer"))

    assert headings == {f"$ {name} --help": 1 for name, _command in commands()}


def test_every_command_is_in_a_scene() -> None:
    lines = {line for scene in SCENES.values() for line in scene.lines}
    played_ones = {name for name, _command in leaves() if any(f"{line} ".startswith(f"{name} ") for line in lines)}
    bare_groups = {"trackers ls"}

    assert {name for name, _command in leaves()} == (played_ones | bare_groups | WITHOUT_A_DAEMON | SEEN_ELSEWHERE)


def test_no_line_ends_in_blanks_and_no_colour_is_in_a_pipe() -> None:
    for path in PLACE.glob("*.txt"):
        for line in path.read_text().splitlines():
            assert line == line.rstrip(), path.name
            assert "\x1b" not in line, path.name
