"""Copies and hard links: the step `transfer` against `cp -a` and `cp -al` on the same tree."""

from __future__ import annotations

import shutil
from pathlib import Path

from revaer.fsops.policy import MoveMode, Policy
from revaer.fsops.types import StepName
from tests.bench.fsops_jobs import Bench
from tests.bench.fsops_payloads import Tree, big_tree, small_tree
from tests.bench.fsops_rounds import Round, Sample, alternate, run_tool, tell_rounds
from tests.bench.options import Options
from tests.bench.report import Report

NAMES = {MoveMode.COPY: ("copies", "-a"), MoveMode.HARDLINK: ("hard links", "-al")}
LARGE, SMALL = "large files", "10,000 small files"


def measure_transfers(report: Report, options: Options) -> None:
    """Measure both modes on both trees, with the result on the disk at the end and without."""
    folder = options.folder / "transfer"
    trees = {LARGE: big_tree(folder / "big", options.size // 2), SMALL: small_tree(folder / "small")}
    for what, tree in trees.items():
        for mode, (name, flag) in NAMES.items():
            for durable in (True, False):
                found = _compare(folder / f"{what} {mode} {durable}", tree, mode, durable=durable, rounds=options.runs)
                # A link of a gigabyte takes no time at all: what shows is what every job costs.
                wanted = what != LARGE or mode is not MoveMode.HARDLINK
                amount = (tree.size if what == LARGE else len(tree.files)) if wanted else 0
                ending = "on the disk" if durable else "no syncs"
                title = f"{name}, {what}, {ending}: cp {flag} / ours"
                tell_rounds(report, title, found, amount=amount, wanted=wanted)
    shutil.rmtree(folder)


def _compare(folder: Path, tree: Tree, mode: MoveMode, *, durable: bool, rounds: int) -> list[Round]:
    bench = Bench(folder)
    policy = Policy(move_mode=mode, extract=False)

    def ours() -> Sample:
        sample = bench.step(StepName.TRANSFER, tree, policy, durable=durable)
        bench.tidy(tree)
        return sample

    def theirs() -> Sample:
        place = bench.fresh()
        sample = run_tool(["cp", NAMES[mode][1], tree.root, place / "entry"], cwd=place, durable=durable)
        bench.tidy(tree)
        return sample

    return alternate(ours, theirs, rounds)
