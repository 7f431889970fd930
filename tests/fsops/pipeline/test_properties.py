"""Random torrents, policies and interruptions: the same result, and no work the second time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revaer.fsops.policy import MoveMode, OnConflict, Policy
from revaer.fsops.ports import Pace
from revaer.fsops.record import JobState
from revaer.fsops.report import Report
from tests.fsops.pipeline.faults import Crash, FaultyDisk, crash_at, fail_at
from tests.fsops.pipeline.world import World, look_at, make_world, shape_of, zipped

NAMES = st.sampled_from(
    ["a", "b", "sub", "ü", "e\u0301", "Sample", "film.mkv", "film.nfo", "A", " ", "-rf", ".revaer", "x (2)"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.binary(max_size=40)


def is_tree(files: Mapping[str, bytes]) -> bool:
    """No file may be a directory of another."""
    return not any(other.startswith(f"{path}/") for path in files for other in files)


TREES = st.dictionaries(PATHS, CONTENTS, min_size=1, max_size=5).filter(is_tree)
PACKED = st.dictionaries(st.sampled_from(["p.zip", "sub/q.zip", "a/r.zip"]), TREES, max_size=2)
MODES = st.sampled_from([None, "0600", "0755", "0640"])
POLICIES = st.builds(
    Policy,
    extract=st.booleans(),
    flatten=st.booleans(),
    move_mode=st.sampled_from(MoveMode),
    on_conflict=st.sampled_from([OnConflict.FAIL, OnConflict.RENAME]),
    cleanup_drop=st.sampled_from([(), ("*.nfo",), ("sub/", "*.zip"), ("@skip_fluff",)]),
    cleanup_keep=st.sampled_from([(), ("film*",)]),
    chmod_file=MODES,
    chmod_dir=st.sampled_from([None, "0750"]),
    umask=st.sampled_from([None, "077"]),
)


@dataclass(frozen=True)
class Drawn:
    """What hypothesis chose."""

    files: dict[str, bytes]
    policy: Policy


@st.composite
def jobs(draw: st.DrawFn) -> Drawn:
    files = draw(TREES)
    packed = {path: zipped(content) for path, content in draw(PACKED).items()}
    both = files | packed
    return Drawn(both if is_tree(both) else files, draw(POLICIES))


def outcome(world: World, report: Report) -> dict[str, object]:
    library = shape_of(world.library, world.downloads)
    return {
        "state": report.state,
        "error": report.error and (report.error.step, report.error.message),
        "library": {path: each for path, each in library.items() if not path.startswith(".revaer")},
        "downloads": {path: each.content for path, each in look_at(world.downloads).items()},
    }


@given(drawn=jobs(), points=st.lists(st.tuples(st.integers(0, 150), st.booleans()), max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_interruptions_change_nothing_and_a_second_run_does_nothing(
    drawn: Drawn, points: list[tuple[int, bool]]
) -> None:
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=parent) as calm_root, tempfile.TemporaryDirectory(dir=parent) as root:
        calm = make_world(Path(calm_root) / "world")
        expected = outcome(calm, calm.run(calm.torrent(drawn.files), drawn.policy))
        world = make_world(Path(root) / "world")
        job = world.torrent(drawn.files)
        for number, killed in points:
            struck = world.with_disk(FaultyDisk(crash_at(number) if killed else fail_at(number), torn=True))
            struck.pace = Pace(files=1)
            try:
                struck.run(job, drawn.policy)
            except Crash:
                continue

        report = world.run(job, drawn.policy)

        assert outcome(world, report) == expected
        if report.state is JobState.COMPLETED:
            before = look_at(world.root)
            again = world.run(job, drawn.policy)
            assert again.ran == ()
            assert look_at(world.root) == before


@given(drawn=jobs(), other=POLICIES, point=st.integers(0, 200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_policy_that_changes_at_any_point_ends_like_a_fresh_run(drawn: Drawn, other: Policy, point: int) -> None:
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    first, second = (replace(each, on_conflict=OnConflict.FAIL) for each in (drawn.policy, other))
    if MoveMode.MOVE in (first.move_mode, second.move_mode):
        # What was moved cannot be linked again, nor be extracted: a fresh run has more to begin with.
        first, second = replace(first, move_mode=MoveMode.COPY), replace(second, move_mode=MoveMode.COPY)
    with tempfile.TemporaryDirectory(dir=parent) as calm_root, tempfile.TemporaryDirectory(dir=parent) as root:
        calm = make_world(Path(calm_root) / "world")
        expected = calm.run(calm.torrent(drawn.files), second)
        world = make_world(Path(root) / "world")
        job = world.torrent(drawn.files)
        with suppress(Crash):
            world.with_disk(FaultyDisk(crash_at(point))).run(job, first)

        report = world.run(job, second)

        assert (report.error and report.error.message) == (expected.error and expected.error.message)
        if expected.state is JobState.COMPLETED:
            assert outcome(world, report) == outcome(calm, expected)
            assert world.run(job, second).ran == ()
