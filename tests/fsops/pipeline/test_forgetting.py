"""What is deleted of a job that is forgotten: everything that was only its own."""

from __future__ import annotations

import pytest

from revaer.fsops import meta
from revaer.fsops.record import Artifact, Record
from revaer.fsops.sweeper import clean
from tests.fsops.pipeline.world import ID, World

FILES = {"film.mkv": b"film"}


def test_half_written_and_unreadable_records_go_too(world: World) -> None:
    world.run(world.torrent(FILES))
    for name in (
        f"{ID}.revaer.meta.unreadable-1",
        f"{ID}.revaer.meta.unreadable-2",
        f".{ID}.revaer.meta.tmp",
        f".{ID}.owner.tmp",
    ):
        (world.ours / name).write_bytes(b"{")

    assert clean(world.library, ID)

    assert [path.name for path in world.ours.iterdir()] == ["work"]
    assert [*(world.ours / "work").iterdir()] == []
    assert (world.library / "Show" / "film.mkv").read_bytes() == b"film"


@pytest.mark.parametrize(
    ("mode", "content", "is_left"), [(0o1700, False, False), (0o1700, True, True), (0o755, False, True)]
)
def test_name_goes_that_was_only_claimed(world: World, mode: int, content: bool, is_left: bool) -> None:
    world.ours.mkdir()
    record = Record(torrent_id=ID, intent=Artifact("Show", directory=True, ino=1, manifest=""))
    meta.save(world.disk, world.meta, record)
    claim = world.library / "Show"
    claim.mkdir()
    claim.chmod(mode)
    if content:
        (claim / "film.mkv").write_bytes(b"somebody's")

    assert clean(world.library, ID)

    assert claim.exists() is is_left
    assert not world.meta.exists()
