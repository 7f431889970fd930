"""What no torrent is made of: what lies elsewhere, is no file, is the daemon's own, or has no usable name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revaer.authoring import survey as survey_module
from revaer.authoring.messages import Format, Recipe, SourceRefused
from revaer.types import SelectionRules
from tests.authoring.conftest import Workshop, open_workshop

KIB = 1024


async def refused(workshop: Workshop, path: Path, **options: Any) -> SourceRefused:
    """The refusal of a recipe."""
    with pytest.raises(SourceRefused) as refusal:
        await workshop.make(path, **options)
    return refusal.value


async def test_what_lies_elsewhere_is_refused_and_not_told_of(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    there = await refused(workshop, tmp_path / "secret")
    nowhere = await refused(workshop, tmp_path / "nowhere")
    assert (there.pointer, there.message) == (nowhere.pointer, nowhere.message)
    assert there.pointer == "/root_path"
    assert str(workshop.root) in there.message


@pytest.mark.parametrize("target", ["secret", "secret/", "secret/deep"])
async def test_links_that_lead_elsewhere_are_refused(workshop: Workshop, tmp_path: Path, target: str) -> None:
    (tmp_path / "secret" / "deep").mkdir(parents=True)
    (tmp_path / "secret" / "deep" / "file").write_bytes(b"x")
    (workshop.root / "way").symlink_to(tmp_path / target)
    for path in ("way", "way/deep", "way/file"):
        assert "must lie below" in (await refused(workshop, workshop.root / path)).message


async def test_dots_do_not_lead_out(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    for path in ("../secret", "x/../../secret", "./../secret"):
        recipe = Recipe(root_path=f"{workshop.root}/{path}", roots=(str(workshop.root),))
        with pytest.raises(SourceRefused, match="must lie below"):
            await workshop.ask(recipe)


async def test_a_name_that_only_begins_like_a_root_lies_elsewhere(workshop: Workshop) -> None:
    beside = workshop.root.with_name(workshop.root.name + "-beside")
    beside.mkdir()
    (beside / "file").write_bytes(b"x")
    assert "must lie below" in (await refused(workshop, beside)).message


async def test_a_link_that_stays_inside_is_followed_at_the_top(workshop: Workshop) -> None:
    real = workshop.write({"a": b"x"}, "real")
    (workshop.root / "way").symlink_to(real)
    made = await workshop.make(workshop.root / "way")
    assert made.name == "real"


async def test_a_root_that_is_a_link_itself_counts_by_what_it_leads_to(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write({"a": b"x"}, "real")
    (tmp_path / "other-root").symlink_to(workshop.root)
    recipe = Recipe(root_path=str(tmp_path / "other-root" / "real"), roots=(str(tmp_path / "other-root"),))
    assert (await workshop.ask(recipe)).name == "real"


async def test_what_is_not_there(workshop: Workshop) -> None:
    assert (await refused(workshop, workshop.root / "nothing")).message == "no such file or directory"
    (workshop.root / "circle").symlink_to("circle")
    assert (await refused(workshop, workshop.root / "circle")).pointer == "/root_path"


def make_link(path: Path) -> None:
    path.symlink_to("film.mkv")


def make_socket(path: Path) -> None:
    os.mknod(path, 0o140000 | 0o600)


@pytest.mark.parametrize("make", [make_link, os.mkfifo, make_socket])
async def test_links_and_devices_are_refused_unless_a_rule_leaves_them_out(
    workshop: Workshop, make: Callable[[Path], None]
) -> None:
    path = workshop.write({"film.mkv": b"x" * 100})
    make(path / "odd")
    refusal = await refused(workshop, path)
    assert refusal.path == str(path / "odd")
    assert "exclude it" in str(refusal)

    made = await workshop.make(path, selection=SelectionRules(exclude=("odd",)))
    assert [file.path for file in made.files] == ["film.mkv"]
    assert [file.path for file in made.skipped] == ["odd"]


async def test_a_directory_behind_a_link_is_not_entered(workshop: Workshop) -> None:
    workshop.write({"secret": b"x"}, "other")
    path = workshop.write({"film.mkv": b"x"})
    (path / "way").symlink_to(workshop.root / "other")
    assert (await refused(workshop, path)).path == str(path / "way")


async def test_a_pipe_alone_is_refused_at_once(workshop: Workshop) -> None:
    os.mkfifo(workshop.root / "pipe")
    assert (await refused(workshop, workshop.root / "pipe")).path == str(workshop.root / "pipe")


@pytest.mark.parametrize("files", [{}, {"a": b"", "b/c": b""}])
async def test_nothing_to_hash(workshop: Workshop, files: dict[str, bytes]) -> None:
    path = workshop.root / "thing"
    path.mkdir()
    workshop.write(files)
    assert "no files" in (await refused(workshop, path)).message or "empty" in (await refused(workshop, path)).message


async def test_rules_that_leave_everything_out(workshop: Workshop) -> None:
    refusal = await refused(workshop, workshop.write({"a": b"x", "b": b"y"}), selection=SelectionRules(exclude=("*",)))
    assert refusal.message == "there are no files in it; rules leave 2 out"


async def test_a_rule_that_is_none_is_pointed_at(workshop: Workshop) -> None:
    rules = SelectionRules(include=("*", "[a"))
    assert (await refused(workshop, workshop.write({"a": b"x"}), selection=rules)).pointer == "/include/1"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"\xff.bin", "not UTF-8"),
        ("e\u0301.bin".encode(), "composed form"),
        (b"a\\b", "path separator"),
        (b"a\nb", "control character"),
        (b"aux.txt", "reserved"),
        (b".revaer", "reserved"),
    ],
)
async def test_names_that_no_torrent_has(workshop: Workshop, name: bytes, words: str) -> None:
    path = workshop.write({"film.mkv": b"x"})
    (path / os.fsdecode(name)).write_bytes(b"x")
    refusal = await refused(workshop, path)
    assert words in str(refusal)
    str(refusal).encode()
    assert refusal.pointer == "/root_path"


@pytest.mark.parametrize("name", [b"\xff.nfo", "e\u0301.nfo".encode(), b"\xff/deep/a.nfo", b"aux.nfo"])
async def test_a_name_that_no_torrent_has_may_be_left_out(workshop: Workshop, name: bytes) -> None:
    path = workshop.write({"film.mkv": b"x"})
    odd = path / os.fsdecode(name)
    odd.parent.mkdir(parents=True, exist_ok=True)
    odd.write_bytes(b"x")
    made = await workshop.make(path, selection=SelectionRules(exclude=("**/*.nfo", "*.nfo")))
    assert [file.path for file in made.files] == ["film.mkv"]
    assert [file.path for file in made.skipped] == [name.decode("utf-8", "backslashreplace")]


async def test_empty_directories_are_no_part_of_it(workshop: Workshop) -> None:
    path = workshop.write({"film.mkv": b"x"})
    before = await workshop.make(path)
    (path / "empty" / "deep").mkdir(parents=True)
    assert (await workshop.make(path)).metainfo == before.metainfo


async def test_a_root_without_a_usable_name(workshop: Workshop) -> None:
    path = workshop.root / os.fsdecode(b"\xff")
    path.write_bytes(b"x")
    (workshop.root / "way").symlink_to(path)
    assert "not UTF-8" in str(await refused(workshop, workshop.root / "way"))


async def test_the_whole_file_system_has_no_name(tmp_path: Path) -> None:
    async with open_workshop(tmp_path / "allowed") as workshop:
        with pytest.raises(SourceRefused, match="no name"):
            await workshop.ask(Recipe(root_path="/", roots=("/",)))


async def test_what_is_the_daemons_own_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "allowed" / "thing" / "postgres"
    key = tmp_path / "allowed" / "thing" / "secret.key"
    async with open_workshop(tmp_path / "allowed", secluded=(str(own), str(key))) as workshop:
        path = workshop.write({"film.mkv": b"x", "postgres/data": b"x", "secret.key": b"x", "secret.key.txt": b"x"})
        refusals = [await refused(workshop, place) for place in (path, own, key)]
        assert {refusal.path for refusal in refusals} == {str(own / "data"), str(key)}
        made = await workshop.make(path, selection=SelectionRules(exclude=("postgres/**", "secret.key")))
        assert [file.path for file in made.files] == ["film.mkv", "secret.key.txt"]


async def test_a_link_to_what_is_the_daemons_own_leads_nowhere(tmp_path: Path) -> None:
    key = tmp_path / "allowed" / "secret.key"
    async with open_workshop(tmp_path / "allowed", secluded=(str(key),)) as workshop:
        key.write_bytes(b"x")
        (workshop.root / "way").symlink_to(key)
        assert (await refused(workshop, workshop.root / "way")).path == str(key)


async def test_there_is_a_bound_on_files_and_depth(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "MAX_FILES", 3)
    monkeypatch.setattr(survey_module, "MAX_DEPTH", 2)
    assert (await workshop.make(workshop.write({"a": b"x", "b/c/d": b"x", "e": b"x"}, "fits"))).size == 3
    assert "more than 3 files" in str(await refused(workshop, workshop.write(dict.fromkeys("abcd", b"x"), "many")))
    assert "deeper than 2" in str(await refused(workshop, workshop.write({"a/b/c/d": b"x"}, "deep")))


@pytest.mark.parametrize("version", list(Format))
async def test_pieces_too_short_for_the_size_are_refused_before_anything_is_hashed(
    workshop: Workshop, version: Format
) -> None:
    """A sparse file of a terabyte: hashing it would take an hour, counting its pieces takes no time."""
    path = workshop.root / "huge.bin"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    refusal = await refused(workshop, path, piece_length=16 * KIB, format=version)
    assert refusal.pointer == "/piece_length"
    assert "longer pieces" in refusal.message
    assert not [event for event in workshop.told() if event.state == "hashing"]


async def test_a_size_beyond_every_bound_is_refused(workshop: Workshop) -> None:
    path = workshop.root / "huge.bin"
    with path.open("wb") as file:
        file.truncate((1 << 43) + 1)
    assert (await refused(workshop, path)).pointer == "/root_path"
