"""Extraction: the step `extract` against the tools that people call by hand."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from revaer.fsops.policy import Policy
from revaer.fsops.types import SourceFile, StepName
from tests.bench.fsops_jobs import Bench
from tests.bench.fsops_payloads import Tree, make_archives, packed_tree, sevenzip
from tests.bench.fsops_rounds import Round, Sample, alternate, run_tool, tell_rounds
from tests.bench.options import Options
from tests.bench.report import Report

COMMANDS: Mapping[str, Sequence[str]] = {
    "unzip": ("unzip", "-q"),
    "7z": (sevenzip() or "7z", "x", "-y", "-bd"),
    "bsdtar": ("bsdtar", "-xf"),
}
PACKAGES = {"unzip": "unzip", "7z": "7zip", "bsdtar": "libarchive-tools"}
BY_HAND: Mapping[str, Sequence[str]] = {
    "zip": ("unzip", "7z", "bsdtar"),
    "7z": ("7z",),
    "tar": ("bsdtar",),
    "tar.gz": ("bsdtar",),
    "tar.zst": ("bsdtar",),
}
"""With what each kind is extracted by hand; the first is the one to hold up with."""


def measure_extraction(report: Report, options: Options) -> None:
    """Measure every kind of archive for which a tool is here; say what is not."""
    missing = [package for tool, package in PACKAGES.items() if shutil.which(COMMANDS[tool][0]) is None]
    if missing:
        report.conditions["not measured, install"] = " ".join(missing)
    folder = options.folder / "extract"
    tree = packed_tree(folder / "packed", options.size)
    archives = make_archives(tree, folder / "archives")
    shutil.rmtree(tree.root)
    for kind, path in archives.items():
        for tool in BY_HAND[kind]:
            if PACKAGES[tool] in missing:
                continue
            for durable in (True, False):
                found = _compare(folder / "libraries", path, tool, durable=durable, rounds=options.runs)
                ending = "on the disk" if durable else "no syncs"
                wanted = tool == BY_HAND[kind][0]
                title = f"extraction of {kind}, {ending}: {tool} / ours"
                tell_rounds(report, title, found, amount=tree.size, wanted=wanted)
    shutil.rmtree(folder)


def _compare(folder: Path, archive: Path, tool: str, *, durable: bool, rounds: int) -> list[Round]:
    bench = Bench(folder)
    file = SourceFile(archive.name, archive.stat().st_size)
    tree = Tree(archive.parent, (file,))

    def ours() -> Sample:
        sample = bench.step(StepName.EXTRACT, tree, Policy(), durable=durable, single=file)
        bench.tidy(tree)
        return sample

    def theirs() -> Sample:
        place = bench.fresh()
        sample = run_tool([*COMMANDS[tool], archive], cwd=place, durable=durable)
        bench.tidy(tree)
        return sample

    return alternate(ours, theirs, rounds)
