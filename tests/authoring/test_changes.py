"""Files that change while they are hashed, and files that cannot be read: an error that names the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from revaer import confined
from revaer.authoring import hashing
from revaer.authoring.messages import Format, SourceChanged, SourceRefused
from revaer.authoring.pieces import SHARE_BYTES
from tests.authoring.conftest import Workshop
from tests.support.torrents import payload

FILES = {"a": payload(50_000), "b/film.mkv": payload(2 * SHARE_BYTES + 77, seed=1), "c": payload(10_000, seed=2)}
ALL = pytest.mark.parametrize("version", list(Format))


def shorten(path: Path) -> None:
    os.truncate(path, 5)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    """The same size, other bytes, in place."""
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(1, 1))


def swap(path: Path) -> None:
    """Another file of the same size and time."""
    status = path.stat()
    other = path.with_name("other")
    other.write_bytes(bytes(status.st_size))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def remove(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    """A link to the same contents in its place."""
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def block(path: Path) -> None:
    """A pipe in its place, which would hold a reader up for ever."""
    path.unlink()
    os.mkfifo(path)


CHANGES = pytest.mark.parametrize("change", [shorten, lengthen, rewrite, swap, remove, link, block])


@contextmanager
def meanwhile(monkeypatch: pytest.MonkeyPatch, at_read: int, change: Callable[[], None]) -> Iterator[None]:
    """Change something before the `at_read`-th look into a file."""
    real, reads = confined.opened_file, [0]

    @contextmanager
    def watched(directory: int, path: str) -> Iterator[int]:
        reads[0] += 1
        if reads[0] == at_read:
            change()
        with real(directory, path) as handle:
            yield handle

    with monkeypatch.context() as patch:
        patch.setattr("revaer.authoring.hashing.opened_file", watched)
        yield
    assert reads[0] >= at_read


@ALL
@CHANGES
async def test_a_file_that_changes_before_it_is_read(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, version: Format, change: Callable[[Path], None]
) -> None:
    path = workshop.write(FILES)
    target = path / "c"
    with meanwhile(monkeypatch, 1, lambda: change(target)), pytest.raises(SourceChanged) as refusal:
        await workshop.make(path, format=version)
    assert refusal.value.path == str(target)
    assert str(target) in str(refusal.value)
    assert workshop.told()[-1].state == "failed"


@ALL
@pytest.mark.parametrize("change", [shorten, lengthen, rewrite, swap, remove, link, block])
async def test_a_file_that_changes_after_it_was_read(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, version: Format, change: Callable[[Path], None]
) -> None:
    path = workshop.write(FILES)
    target = path / "a"
    last = {"v1": 5, "v2": 5, "hybrid": 5}[version.value]
    with meanwhile(monkeypatch, last, lambda: change(target)), pytest.raises(SourceChanged) as refusal:
        await workshop.make(path, format=version)
    assert refusal.value.path == str(target)


async def test_a_directory_that_goes_while_it_is_looked_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workshop.write(FILES)
    real = os.open

    def vanishing(name: Any, *arguments: Any, **options: Any) -> int:
        if name == "b":
            monkeypatch.undo()
            shutil.rmtree(path / "b")
        return real(name, *arguments, **options)

    monkeypatch.setattr(os, "open", vanishing)
    with pytest.raises(SourceChanged) as refusal:
        await workshop.make(path)
    assert refusal.value.path == str(path / "b")


async def test_a_file_that_shrinks_under_the_reader(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workshop.write({"a": payload(3 * hashing.READ_BYTES)})
    real = os.preadv

    def shrinking(handle: int, buffers: Any, offset: int) -> int:
        if offset == hashing.READ_BYTES:
            os.truncate(path / "a", hashing.READ_BYTES + 100)
        return real(handle, buffers, offset)

    monkeypatch.setattr(os, "preadv", shrinking)
    with pytest.raises(SourceChanged, match="became shorter"):
        await workshop.make(path)


async def test_short_reads_are_gone_on_with(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workshop.write(FILES)
    whole = await workshop.make(path, format=Format.HYBRID)
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda handle, buffers, offset: real(handle, [buffers[0][:10_001]], offset))
    assert (await workshop.make(path, format=Format.HYBRID)).metainfo == whole.metainfo


@ALL
@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
async def test_a_file_that_cannot_be_read(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, version: Format, error: OSError
) -> None:
    path = workshop.write(FILES)
    real = confined.opened_file

    @contextmanager
    def failing(directory: int, name: str) -> Iterator[int]:
        if name == "b/film.mkv":
            raise error
        with real(directory, name) as handle:
            yield handle

    monkeypatch.setattr("revaer.authoring.hashing.opened_file", failing)
    with pytest.raises(SourceRefused) as refusal:
        await workshop.make(path, format=version)
    assert refusal.value.path == str(path / "b/film.mkv")
    assert refusal.value.message == (error.strerror or "").lower()


async def test_a_directory_that_cannot_be_read(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workshop.write(FILES)
    real = os.open

    def failing(name: Any, *arguments: Any, **options: Any) -> int:
        if name == "b":
            raise PermissionError(13, "Permission denied")
        return real(name, *arguments, **options)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(SourceRefused) as refusal:
        await workshop.make(path)
    assert (refusal.value.path, refusal.value.message) == (str(path / "b"), "permission denied")


async def test_a_directory_that_is_swapped_for_a_link_is_not_followed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = workshop.write(FILES)
    outside = tmp_path / "outside"
    outside.mkdir()
    for name, content in FILES.items():
        (outside / name).parent.mkdir(exist_ok=True)
        (outside / name).write_bytes(content)

    def swap_root() -> None:
        path.rename(path.with_name("gone"))
        path.symlink_to(outside)

    real = confined.opened_directory
    swapped = [False]

    @contextmanager
    def watched(place: str) -> Iterator[int]:
        if not swapped[0]:
            swapped[0] = True
            swap_root()
        with real(place) as directory:
            yield directory

    monkeypatch.setattr("revaer.authoring.hashing.opened_directory", watched)
    with pytest.raises(SourceChanged):
        await workshop.make(path)


async def test_what_does_not_change_the_bytes_is_fine(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may link the file, change who may read it, or put something beside it."""
    path = workshop.write(FILES)

    def harmless() -> None:
        os.link(path / "a", workshop.root / "linked")
        (path / "a").chmod(0o600)
        (path / "new").write_bytes(b"x")

    with meanwhile(monkeypatch, 2, harmless):
        made = await workshop.make(path)
    assert [file.path for file in made.files] == list(FILES)
