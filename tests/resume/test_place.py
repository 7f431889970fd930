"""Records follow a `resume_dir` that was changed."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from revaer.resume import place
from revaer.resume.place import Place, settle
from tests.resume.conftest import RunStore
from tests.resume.faults import AwayDatabase

ONE = "00000000-0000-4000-8000-000000000001"
TWO = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The directory of the last start, with records, a mark of a clean stop, and things that are not ours."""
    folder = tmp_path / "before"
    (folder / "quarantine").mkdir(parents=True)
    for name in (f"{ONE}.intent", f"{ONE}.fastresume", f"{TWO}.intent", "clean-stop", "unsettled.json", "notes.txt"):
        (folder / name).write_text(name)
    (folder / "quarantine" / "old").write_text("kept for people")
    return folder


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "wanted"


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "note"


OURS = {f"{ONE}.intent", f"{ONE}.fastresume", f"{TWO}.intent", "clean-stop", "unsettled.json"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_first_start_notes_its_place(note: Path, wanted: Path) -> None:
    assert settle(note, wanted, wanted) == Place(wanted)
    assert note.read_text() == "deep/wanted"


@pytest.mark.parametrize("absolute", [False, True], ids=["as it is written", "with its whole path"])
@pytest.mark.parametrize("beneath", ["resume", "records/resume"])
def test_a_copy_of_a_node_takes_nothing_from_it(tmp_path: Path, beneath: str, absolute: bool) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    (original / beneath).mkdir(parents=True)
    (original / beneath / f"{ONE}.intent").write_text("record")
    settle(original / "note", original / beneath, original / beneath)
    if absolute:
        (original / "note").write_text(str(original / beneath))
    shutil.copytree(original, copy)

    assert settle(copy / "note", copy / beneath, copy / beneath) == Place(copy / beneath)

    assert names(original / beneath) == names(copy / beneath) == {f"{ONE}.intent"}
    elsewhere = tmp_path / "elsewhere"
    assert settle(copy / "note", elsewhere, copy / beneath) == Place(elsewhere, 1)
    assert names(original / beneath) == {f"{ONE}.intent"}


def test_a_node_that_was_moved_keeps_its_records_when_another_takes_its_place(tmp_path: Path) -> None:
    old, moved = tmp_path / "old", tmp_path / "moved"
    (old / "resume").mkdir(parents=True)
    (old / "resume" / f"{ONE}.intent").write_text("record")
    (old / "note").write_text(str(old / "resume"))
    old.rename(moved)
    (old / "resume").mkdir(parents=True)
    (old / "resume" / f"{TWO}.intent").write_text("record of the new node")
    settle(old / "note", old / "resume", old / "resume")

    assert settle(moved / "note", moved / "resume", moved / "resume") == Place(moved / "resume")

    assert names(moved / "resume") == {f"{ONE}.intent"}
    assert names(old / "resume") == {f"{TWO}.intent"}


def test_records_of_the_usual_place_follow_without_a_note(note: Path, before: Path, wanted: Path) -> None:
    assert settle(note, wanted, before) == Place(wanted, 5)
    assert names(wanted) == OURS
    assert names(before) == {"notes.txt"}
    assert (before / "quarantine" / "old").exists()
    assert all((wanted / name).read_text() == name for name in OURS)
    assert settle(note, wanted, before) == Place(wanted)


def test_records_follow_there_and_back(note: Path, before: Path, wanted: Path) -> None:
    settle(note, wanted, before)
    assert settle(note, before, before) == Place(before, 5)
    assert (names(before), names(wanted)) == (OURS | {"notes.txt"}, set())


def test_what_an_earlier_time_left_there_does_not_come_back(note: Path, before: Path, wanted: Path) -> None:
    wanted.mkdir(parents=True)
    (before / "clean-stop").unlink()
    for name in (
        f"{ONE}.intent",
        "00000000-0000-4000-8000-00000000000a.intent",
        "clean-stop",
        ".carried.0123456789abcdef.tmp",
    ):
        (wanted / name).write_text("stale")
    assert settle(note, wanted, before) == Place(wanted, 4, aside=1)
    assert names(wanted) == OURS - {"clean-stop"}, "a mark that lies would let records be believed"
    assert (wanted / f"{ONE}.intent").read_text() == f"{ONE}.intent"
    [aside] = (wanted / "quarantine").iterdir()
    assert aside.name.startswith("00000000-0000-4000-8000-00000000000a.intent.")


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file system: names cannot be shared with it."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr("revaer.resume.place.os.link", refuse)


@pytest.mark.usefixtures("no_links")
def test_records_are_copied_to_another_file_system(note: Path, before: Path, wanted: Path) -> None:
    assert settle(note, wanted, before) == Place(wanted, 5)
    assert (names(wanted), names(before)) == (OURS, {"notes.txt"})
    assert (wanted / f"{ONE}.intent").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("no_links")
def test_what_takes_longer_than_a_start_goes_on_at_the_next(
    note: Path, before: Path, wanted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile the records stay in use where they are; what changes there is brought anew."""
    monkeypatch.setattr(place, "_BATCH", 2)
    found = settle(note, wanted, before, within=-1.0)
    assert found.root == before
    assert "2 of 4 files" in found.trouble
    assert (len(names(wanted)), names(before)) == (2, OURS | {"notes.txt"})
    brought = {name: (wanted / name).stat().st_ino for name in names(wanted)}
    changed, kept = sorted(brought)
    (before / changed).write_text("another content")
    (before / f"{TWO}.fastresume").write_text("begun meanwhile")
    while (found := settle(note, wanted, before, within=-1.0)).root == before:
        continue
    assert found == Place(wanted, 6)
    assert (wanted / changed).read_text() == "another content"
    assert (wanted / kept).stat().st_ino == brought[kept], "it was not copied again"
    assert names(wanted) == OURS | {f"{TWO}.fastresume"}


def test_records_that_somebody_moved_by_hand_are_used_as_they_are(note: Path, before: Path, wanted: Path) -> None:
    settle(note, before, before)
    wanted.mkdir(parents=True)
    for name in OURS:
        (before / name).rename(wanted / name)
    assert settle(note, wanted, before) == Place(wanted)
    assert names(wanted) == OURS
    assert not (wanted / "quarantine").exists()
    assert note.read_text() == str(wanted)


@pytest.fixture
def crowded(wanted: Path) -> Path:
    """The wanted directory, with a copy of another time."""
    wanted.mkdir(parents=True)
    (wanted / "00000000-0000-4000-8000-00000000000a.intent").write_text("stale")
    return wanted


async def test_records_in_the_way_are_told_of(note: Path, before: Path, crowded: Path, run_store: RunStore) -> None:
    async with run_store(AwayDatabase(), crowded, note=note, first=before) as store:
        assert "files of another time" in (store.health.reason or "")


def test_a_place_that_cannot_be_used_leaves_the_records_in_use_where_they_are(
    note: Path, before: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    found = settle(note, tmp_path / "file" / "wanted", before)
    assert found.root == before
    assert "cannot be brought to" in found.trouble
    assert names(before) == OURS | {"notes.txt"}
    assert settle(note, before, before) == Place(before)


class Crash(BaseException):
    """The power went."""


@pytest.mark.parametrize("step", range(1, 8))
def test_a_crash_at_any_step_is_made_good(
    note: Path, before: Path, wanted: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was done, the next start has every file, in the place that is wanted."""
    left = [step]
    bring, write = place._bring, place.write_atomically  # type: ignore[attr-defined]  # what it has imported

    def step_over() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    def crashing_bring(before: Path, wanted: Path, names: Sequence[str]) -> None:
        step_over()
        bring(before, wanted, names)

    def crashing_write(path: Path, content: bytes) -> None:
        step_over()
        write(path, content)
        step_over()

    with monkeypatch.context() as patch:
        patch.setattr(place, "_BATCH", 1)
        patch.setattr(place, "_bring", crashing_bring)
        patch.setattr(place, "write_atomically", crashing_write)
        with pytest.raises(Crash):
            settle(note, wanted, before)
    assert settle(note, wanted, before).root == wanted
    assert names(wanted) == OURS
    assert all((wanted / name).read_text() == name for name in OURS)


def test_a_place_that_is_gone_has_nothing_to_bring(note: Path, tmp_path: Path, wanted: Path) -> None:
    note.write_text(str(tmp_path / "gone"))
    assert settle(note, wanted, wanted) == Place(wanted)


def test_a_note_that_cannot_be_written_is_said(tmp_path: Path, wanted: Path) -> None:
    found = settle(tmp_path / "nowhere" / "note", wanted, wanted)
    assert (found.root, found.trouble) == (
        wanted,
        f"{tmp_path / 'nowhere' / 'note'} cannot be written: No such file or directory",
    )
