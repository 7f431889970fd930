"""Doing the steps one after the other, whatever becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import trio

from tests.runbook.outcome import Check, Outcome, Result
from tests.runbook.scene import Scene
from tests.runbook.steps import Step

SNAPSHOT_WITHIN = 30.0


def planned(steps: Sequence[Step]) -> list[Outcome]:
    """What there is before anything was run."""
    return [Outcome(number, step.name, step.title) for number, step in enumerate(steps, 1)]


async def run_steps(
    scene: Scene, steps: Sequence[Step], outcomes: Sequence[Outcome], told: Callable[[Outcome], None]
) -> None:
    """Run every step that makes sense; what became of each goes into its outcome, and `told` is called with it."""
    ended: dict[str, Result] = {}
    for step, outcome in zip(steps, outcomes, strict=True):
        missing = [name for name in step.needs if ended[name] is not Result.OK]
        if missing:
            outcome.problem = f"it needs the step {missing[0]}"
            ended[step.name] = outcome.result
            told(outcome)
        else:
            try:
                await _run(scene, step, outcome)
            finally:
                ended[step.name] = outcome.result
                told(outcome)


async def _run(scene: Scene, step: Step, outcome: Outcome) -> None:
    scene.turn_to(outcome)
    began = time.monotonic()
    outcome.result = Result.INTERRUPTED
    try:
        with trio.fail_after(step.within):
            if step.needs:
                await scene.make_ready()
            await step.run(scene)
            if not step.ends:
                await scene.settle()
        outcome.result = Result.OK
    except Exception as error:  # noqa: BLE001 - whatever a step raises is its result, and the next step is tried
        outcome.result = Result.FAILED
        outcome.problem = _words(error, step)
        if not outcome.checks or outcome.checks[-1].holds:
            outcome.checks.append(Check("the step comes to its end", False, outcome.problem))
    finally:
        outcome.seconds = time.monotonic() - began
    with trio.move_on_after(SNAPSHOT_WITHIN):
        await scene.snapshot("after")


def _words(error: BaseException, step: Step) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, trio.TooSlowError):
        return f"it took too long; the step has {step.within:.0f} s, a command two minutes"
    return str(error) if isinstance(error, AssertionError) and str(error) else f"{type(error).__name__}: {error}"
