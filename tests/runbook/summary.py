"""The summary of a run: for people, and the same for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.runbook.outcome import Outcome, Result


def all_held(outcomes: Sequence[Outcome]) -> bool:
    """Whether every step was run and ended well."""
    return all(outcome.result is Result.OK for outcome in outcomes)


def as_markdown(outcomes: Sequence[Outcome], about: str) -> str:
    """The page: a table of the steps, then each with what was checked."""
    held = sum(outcome.result is Result.OK for outcome in outcomes)
    checks = sum(len(outcome.checks) for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    lines = [
        "# Runbook",
        "",
        f"{held} of {len(outcomes)} steps ok, {checks} checks, {seconds:.0f} s. {about}",
        "",
        "| # | step | checks | seconds | result |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.number} | [{one.title}]({one.folder}/) | {len(one.checks)} | {one.seconds:.1f} | {one.result.value} |"
        for one in outcomes
    ]
    for outcome in outcomes:
        lines += ["", *_section(outcome)]
    return "\n".join(lines) + "\n"


def as_line(outcome: Outcome) -> str:
    """One step as a line for the terminal."""
    line = f"{outcome.number:2}  {outcome.title:<34} {outcome.seconds:6.1f} s  {outcome.result.value}"
    return f"{line}\n    {outcome.problem.splitlines()[0][:300]}" if outcome.problem else line


def write_summary(folder: Path, outcomes: Sequence[Outcome], about: str) -> None:
    """Write `summary.md` and `summary.json`."""
    documents = [
        {
            "number": one.number,
            "step": one.name,
            "title": one.title,
            "result": one.result.value,
            "seconds": round(one.seconds, 2),
            "checks": [{"sentence": it.sentence, "holds": it.holds, "found": it.found} for it in one.checks],
            "notes": one.notes,
            "problem": one.problem,
        }
        for one in outcomes
    ]
    document = {"about": about, "ok": all_held(outcomes), "steps": documents}
    (folder / "summary.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    (folder / "summary.md").write_text(as_markdown(outcomes, about))


def _section(outcome: Outcome) -> list[str]:
    lines = [f"## {outcome.number}. {outcome.title}: {outcome.result.value}", ""]
    lines += [f"- [{'x' if one.holds else ' '}] {one.sentence}{_found(one.holds, one.found)}" for one in outcome.checks]
    lines += [f"- {note}" for note in outcome.notes]
    if outcome.problem:
        lines += ["", "```text", outcome.problem, "```"]
    return lines


def _found(holds: bool, found: str) -> str:
    return "" if holds or not found else f" (found: {' '.join(found.split())[:300]})"
