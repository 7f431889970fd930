"""The list on disk."""

from pathlib import Path

import pytest

from revaer.session.address_ranges import AddressRanges
from revaer.session.blocklist_file import BlocklistFile, KeptList

KEPT = KeptList(
    "http://l.example/", 12.5, '"a"', "Monday", AddressRanges.merged([(1, 2), (9, 9)], [(1 << 100, 1 << 101)])
)


@pytest.fixture
def file(tmp_path: Path) -> BlocklistFile:
    return BlocklistFile(tmp_path / "blocklist")


def test_what_is_kept_comes_back(file: BlocklistFile) -> None:
    assert file.load() is None
    file.save(KEPT)
    found = file.load()
    assert found is not None
    assert (found.url, found.fetched_at, found.etag, found.modified) == ("http://l.example/", 12.5, '"a"', "Monday")
    assert found.ranges.packed() == KEPT.ranges.packed()
    file.remove()
    file.remove()
    assert file.load() is None


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other", "headless"])
def test_a_damaged_file_is_none(file: BlocklistFile, tmp_path: Path, damage: str) -> None:
    file.save(KEPT)
    path = tmp_path / "blocklist"
    whole = path.read_bytes()
    damaged = {
        "cut": whole[:-3],
        "flip": whole[:-1] + b"\xff",
        "empty": b"",
        "other": whole.replace(b'"format": 1', b'"format": 9'),
        "headless": b"[]\n" + whole.partition(b"\n")[2],
    }
    path.write_bytes(damaged[damage])
    assert file.load() is None


def test_a_disk_that_refuses_leaves_what_was_kept(file: BlocklistFile, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        BlocklistFile(tmp_path / "nowhere" / "blocklist").save(KEPT)
