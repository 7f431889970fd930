"""Checksums: the files of a tree hashed on all cores, against tools that hash a half of them each at the same time."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

from revaer.fsops.checksum import hash_files
from revaer.fsops.disk import Disk
from tests.bench.fsops_payloads import Tree, big_tree, small_tree
from tests.bench.fsops_rounds import Sample, alternate, cpu_now, run_beside, tell_rounds
from tests.bench.options import Options
from tests.bench.report import Report

TOOLS = {"sha256sum": ("sha256sum",), "openssl": ("openssl", "dgst", "-sha256")}
HALVES = 2


def measure_hashing(report: Report, options: Options) -> None:
    """Measure on large and on small files, which are in the system's cache."""
    folder = options.folder / "hash"
    for what, tree in (
        ("large files", big_tree(folder / "big", options.size // 2)),
        ("10,000 small files", small_tree(folder / "small")),
    ):
        amount = tree.size if what == "large files" else len(tree.files)
        for tool in filter(shutil.which, TOOLS):
            found = alternate(partial(_ours, tree), partial(_theirs, tool, tree), options.runs)
            title = f"SHA-256 of {what}: {HALVES} x {tool} / ours"
            # OpenSSL is what we hash with: that it is no slower by hand says that little is lost around it.
            tell_rounds(report, title, found, amount=amount, wanted=tool == "sha256sum")
    shutil.rmtree(folder)


def _ours(tree: Tree) -> Sample:
    cpu, began = cpu_now(), time.perf_counter()
    files = {file.path: None for file in tree.files}
    count = sum(1 for _ in hash_files(Disk(), tree.root, files, lambda _: None))
    assert count == len(tree.files)
    return Sample(time.perf_counter() - began, cpu_now() - cpu)


def _theirs(tool: str, tree: Tree) -> Sample:
    paths = [file.path for file in tree.files]
    halves = [paths[number::HALVES] for number in range(HALVES)]
    command = ["xargs", "-0", *TOOLS[tool]]
    return run_beside([command] * HALVES, cwd=Path(tree.root), inputs=["\0".join(half).encode() for half in halves])
