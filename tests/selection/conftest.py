"""Builders for files and the one-line question that most tests ask."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from revaer.selection import evaluate
from revaer.selection.messages import Decision
from revaer.types import SelectionRules


@dataclass(frozen=True, slots=True)
class File:
    """A file for selection."""

    path: str
    size: int = 1


class Selecting:
    """Asks about one path, or about several at once."""

    def files(self, *paths: str) -> list[File]:
        return [File(path) for path in paths]

    def decide(self, path: str, rules: SelectionRules) -> Decision:
        (decision,) = evaluate([File(path)], rules)
        return decision

    def matches(self, pattern: str, path: str) -> bool:
        return self.decide(path, SelectionRules(include=(pattern,))).selected

    def wanted(self, rules: SelectionRules, *paths: str) -> list[str]:
        decisions = evaluate(self.files(*paths), rules)
        return [path for path, decision in zip(paths, decisions, strict=True) if decision.selected]


@pytest.fixture(scope="session")
def selecting() -> Selecting:
    return Selecting()
