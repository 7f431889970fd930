"""The table of the contract's lines and the tests that prove them names tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = [ROOT / "docs/api/coverage.md"]
NAMED = re.compile(r"(?P<file>tests/[\w./-]+\.py)(?:::(?P<name>\w+(?:::\w+)?))?|::(?P<further>\w+(?:::\w+)?)")


def rows(table: Path) -> list[tuple[int, list[str]]]:
    """The rows of a file's tables with their line numbers, heads left out."""
    found = []
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        is_rule = all(set(cell) <= set("-: ") for cell in cells)
        if not is_rule and cells[-1].lower() not in ("test", "tests", "proof"):
            found.append((number, cells))
    return found


def named_tests(text: str) -> list[tuple[str, str]]:
    """The tests that a cell names, as file and function; `::name` alone is of the file before it."""
    found: list[tuple[str, str]] = []
    file = ""
    for match in NAMED.finditer(text):
        file = match["file"] or file
        found.append((file, match["name"] or match["further"] or ""))
    return found


@cache
def functions(file: str) -> frozenset[str]:
    """What a test file defines: functions, and `Class::method`."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = [one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            names |= {node.name, *inner, *(f"{node.name}::{name}" for name in inner)}
    return frozenset(names)


def identify(table: Path) -> str:
    return str(table.relative_to(ROOT))


def test_there_are_tables() -> None:
    assert TABLES


@pytest.mark.parametrize("table", TABLES, ids=identify)
def test_every_row_names_a_test(table: Path) -> None:
    without = [
        f"{identify(table)}:{number}: {cells[0]}"
        for number, cells in rows(table)
        if not any(name for _, name in named_tests(cells[-1]))
    ]
    assert without == []


@pytest.mark.parametrize("table", TABLES, ids=identify)
def test_every_line_stands_once(table: Path) -> None:
    lines = [cells[0].casefold() for _, cells in rows(table) if len(cells) == 2]
    assert [line for line in lines if lines.count(line) > 1] == []


@pytest.mark.parametrize("table", TABLES, ids=identify)
def test_every_test_that_is_named_exists(table: Path) -> None:
    missing = [
        f"{identify(table)}:{number}: {file}::{name}"
        for number, cells in rows(table)
        for file, name in named_tests(cells[-1])
        if (name not in functions(file) if name else not functions(file))
    ]
    assert missing == []


def test_a_name_alone_is_of_the_file_before_it() -> None:
    cell = "tests/a/test_b.py::test_c, ::test_d; `tests/e.py::TestF::test_g`"
    assert named_tests(cell) == [
        ("tests/a/test_b.py", "test_c"),
        ("tests/a/test_b.py", "test_d"),
        ("tests/e.py", "TestF::test_g"),
    ]
