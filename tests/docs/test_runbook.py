"""The runbook on paper is the one that runs: the same steps in the same order."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.runbook.notebook import Notebook
from tests.runbook.outcome import Check, DoesNotHold, Outcome, Result
from tests.runbook.running import planned, run_steps
from tests.runbook.scene import Scene
from tests.runbook.steps import STEPS, Step
from tests.runbook.summary import all_held, as_line, as_markdown

PAGE = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()


def test_the_page_has_every_step_in_its_order() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert headings[:-1] == [step.title for step in STEPS]


def test_every_step_says_what_to_do_what_is_seen_and_what_if_not() -> None:
    for section in PAGE.split("\n## ")[1:-1]:
        title = section.splitlines()[0]
        marks = [section.find(mark) for mark in ("```sh", "**Seen:**", "**If not:**")]
        assert -1 not in marks, title
        assert marks == sorted(marks), title


def test_what_a_step_needs_comes_before_it() -> None:
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    for number, step in enumerate(STEPS):
        assert set(step.needs) <= set(names[:number])


class QuietScene(Scene):
    """A scene without a node: the steps of these tests need none."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.calls: list[str] = []

    async def make_ready(self) -> None:
        self.calls.append("make ready")

    async def settle(self) -> None:
        self.calls.append("settle")

    async def snapshot(self, name: str) -> None:
        self.calls.append(f"snapshot {name}")


async def good(scene: Scene) -> None:
    scene.notes.holds("the sky is up", True)


async def bad(scene: Scene) -> None:
    scene.notes.equal("the sky is blue", "grey", "blue")


async def broken(scene: Scene) -> None:
    async with trio.open_nursery():
        raise KeyError("sky")


async def hangs(scene: Scene) -> None:
    await trio.sleep_forever()


FIRST = Step("first", "First", good, needs=())


async def test_a_failed_step_leaves_out_only_those_that_need_it(tmp_path: Path) -> None:
    steps = [FIRST, Step("second", "Second", bad, ("first",)), Step("third", "Third", good, ("second",))]
    steps.append(Step("fourth", "Fourth", good, ("first",)))
    outcomes = planned(steps)
    told: list[str] = []

    await run_steps(QuietScene(tmp_path), steps, outcomes, lambda outcome: told.append(outcome.name))

    assert [one.result.value for one in outcomes] == ["ok", "failed", "not run", "ok"]
    assert outcomes[1].checks == [Check("the sky is blue", False, "'grey' and not 'blue'")]
    assert "it needs the step second" in outcomes[2].problem
    assert told == ["first", "second", "third", "fourth"]
    assert not all_held(outcomes)


async def test_an_error_of_a_step_is_its_failure(tmp_path: Path) -> None:
    outcomes = planned([replace(FIRST, run=broken)])
    await run_steps(QuietScene(tmp_path), [replace(FIRST, run=broken)], outcomes, lambda _: None)
    assert (outcomes[0].result, outcomes[0].problem) == (Result.FAILED, "KeyError: 'sky'")
    assert [check.holds for check in outcomes[0].checks] == [False]


async def test_a_step_that_hangs_fails_by_its_deadline(tmp_path: Path, autojump_clock: object) -> None:
    step = replace(FIRST, run=hangs)
    outcomes = planned([step])
    await run_steps(QuietScene(tmp_path), [step], outcomes, lambda _: None)
    assert outcomes[0].result is Result.FAILED
    assert "it took too long" in outcomes[0].problem


async def test_an_interrupted_run_says_where(tmp_path: Path) -> None:
    steps = [replace(FIRST, run=hangs), Step("second", "Second", good, ("first",))]
    outcomes = planned(steps)
    with trio.CancelScope() as scope:
        scope.cancel()
        await run_steps(QuietScene(tmp_path), steps, outcomes, lambda _: None)
    assert [one.result for one in outcomes] == [Result.INTERRUPTED, Result.NOT_RUN]


async def test_nodes_are_looked_at_around_each_step_but_the_first_and_the_last(tmp_path: Path) -> None:
    steps = [FIRST, Step("last", "Last", good, ("first",), ends=True)]
    scene = QuietScene(tmp_path)
    await run_steps(scene, steps, planned(steps), lambda _: None)
    assert scene.calls == ["settle", "snapshot after", "make ready", "snapshot after"]


def test_the_summary_shows_what_was_found() -> None:
    checks = [Check("water is wet", True, "yes"), Check("the sky is blue", False, "grey,\nwith\nclouds")]
    outcome = Outcome(3, "sky", "Look at the sky", Result.FAILED, 1.25, checks, ["it rains"], "not blue\nat all")
    page = as_markdown([outcome], "Here.")
    assert "0 of 1 steps ok, 2 checks, 1 s. Here." in page
    assert "| 3 | [Look at the sky](03-sky/) | 2 | 1.2 | failed |" in page
    assert "- [x] water is wet\n- [ ] the sky is blue (found: grey, with clouds)\n- it rains\n" in page
    assert as_line(outcome).endswith("1.2 s  failed\n    not blue")


def test_of_two_documents_a_check_shows_what_differs(tmp_path: Path) -> None:
    notes = Notebook(Outcome(1, "one", "One"), tmp_path)
    with pytest.raises(DoesNotHold, match=r"found: 2 and not 3$"):
        notes.equal("they are alike", {"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})
    with pytest.raises(DoesNotHold, match=r"found: \{'a': 1, 'b': None\} and not \{'a': None, 'b': 2\}$"):
        notes.equal("they are alike", {"a": 1}, {"b": 2})
