"""kill -9 of a process in the middle of post-processing, again and again: the library ends as if undisturbed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from revaer.fsops.policy import MoveMode
from tests.fsops.pipeline.victim import furnish, run
from tests.fsops.pipeline.world import World, look_at, shape_of

pytestmark = pytest.mark.drill

ROOT = Path(__file__).parents[2]
KILLS = 8


def attempt(world: World, mode: MoveMode, kind: str, number: int) -> int:
    """Run the job in a process that kills itself at an operation; return how it ended."""
    command = [sys.executable, "-m", "tests.fsops.pipeline.victim", str(world.root), mode.value, kind, str(number)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode


def outcome(world: World) -> dict[str, object]:
    library = shape_of(world.library, world.downloads)
    return {
        "library": {path: each for path, each in library.items() if not path.startswith(".revaer")},
        "ours": sorted(path.name for path in world.ours.iterdir()),
        "work": world.work.exists(),
        "downloads": sorted(look_at(world.downloads)),
    }


@pytest.mark.parametrize("kind", ["plain", "packed"])
@pytest.mark.parametrize("mode", MoveMode)
def test_job_whose_process_is_killed_over_and_over_ends_like_an_undisturbed_one(
    tmp_path: Path, mode: MoveMode, kind: str
) -> None:
    calm, job = furnish(tmp_path / "calm", kind)
    state, count = run(calm, job, mode, -1)
    assert state == "completed: None"
    expected = outcome(calm)
    chance = random.Random(f"{mode} {kind}")
    world, job = furnish(tmp_path / "world", kind)
    foreign = world.library / "Other"
    foreign.write_bytes(b"foreign")
    before = look_at(world.downloads)

    for _ in range(KILLS):
        ended = attempt(world, mode, kind, chance.randrange(count))
        assert ended in (-signal.SIGKILL, 0)
        if mode is not MoveMode.MOVE:
            assert look_at(world.downloads) == before
        assert set(shape_of(world.library / "Show", world.downloads)) in (set(), _paths(calm))

    assert attempt(world, mode, kind, -1) == 0
    assert foreign.read_bytes() == b"foreign"
    foreign.unlink()
    assert outcome(world) == expected


def _paths(world: World) -> set[str]:
    return set(shape_of(world.library / "Show", world.downloads))
