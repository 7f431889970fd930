"""What is made: held against the specifications' own builder, against libtorrent, and against itself."""

from __future__ import annotations

import tempfile
import unicodedata
from pathlib import Path
from typing import Any, get_args

import libtorrent as lt
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.authoring.messages import CreatedTorrent, Format, SourceRefused
from revaer.bencode import decode, decode_with_span
from revaer.session.metainfo import parse_metainfo
from revaer.types import SelectionRules
from tests.authoring.conftest import Workshop, open_workshop
from tests.support.torrents import Version, make_torrent, payload

KIB = 1024
FILES = {
    "a.bin": payload(70_000),
    "b.x/one": payload(5, seed=1),
    "b/c/d.mkv": payload(200_001, seed=2),
    "b/empty": b"",
    "caf\u00e9/\u4e16\u754c.txt": payload(16 * KIB, seed=3),
    "z": payload(32 * KIB, seed=4),
    "zz": b"",
}
VERSIONS: tuple[Version, ...] = get_args(Version)


def in_order(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files in the order that a torrent has."""
    return dict(sorted(files.items(), key=lambda item: [part.encode() for part in item[0].split("/")]))


def parts(metainfo: bytes) -> tuple[bytes, Any]:
    """The exact bytes of the info dictionary, and the piece layers."""
    document, span = decode_with_span(metainfo, b"info")
    assert span is not None
    return metainfo[span], document.get(b"piece layers")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece_length", [16 * KIB, 32 * KIB, 256 * KIB])
async def test_a_directory(workshop: Workshop, version: Version, piece_length: int) -> None:
    made = await workshop.make(workshop.write(FILES), format=Format(version), piece_length=piece_length)
    expected = make_torrent(in_order(FILES), name="thing", version=version, piece_length=piece_length)

    assert parts(made.metainfo) == parts(expected)
    assert made.metainfo == expected
    assert_described(made, FILES)
    assert_libtorrent_agrees(made)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 100 * KIB, 3 * 1024 * KIB + 5])
async def test_a_single_file(workshop: Workshop, version: Version, size: int) -> None:
    files = {"film.mkv": payload(size)}
    made = await workshop.make(workshop.write(files, "film.mkv"), format=Format(version), piece_length=16 * KIB)

    assert made.metainfo == make_torrent(files, name="film.mkv", version=version)
    assert_described(made, files)
    assert_libtorrent_agrees(made)


def assert_described(made: CreatedTorrent, files: dict[str, bytes]) -> None:
    """What is said of it is what is in it."""
    parsed = parse_metainfo(made.metainfo)
    real = [entry for entry in parsed.files if not entry.pad]
    assert made.hashes == parsed.hashes
    assert (made.name, made.piece_length, made.size) == (parsed.name, parsed.piece_length, parsed.total_size)
    assert made.size == sum(map(len, files.values()))
    assert [(file.path, file.size_bytes) for file in made.files] == [(entry.path, entry.size) for entry in real]
    assert made.pieces == parsed.pieces


def assert_libtorrent_agrees(made: CreatedTorrent) -> None:
    """libtorrent takes it, calls it the same, finds the same in it, and writes it again to the byte."""
    loaded: Any = lt.load_torrent_buffer(made.metainfo)
    info, hashes = loaded.ti, loaded.ti.info_hashes()
    assert (str(hashes.v1) if hashes.has_v1() else None) == made.hashes.v1
    assert (str(hashes.v2) if hashes.has_v2() else None) == made.hashes.v2
    # Of a version 2 folder with a single file, libtorrent says the file's name for the torrent's.
    assert info.name() in ({made.name} if made.hashes.v1 or len(made.files) > 1 else {made.name, made.files[0].path})
    assert (info.piece_length(), info.total_size()) == (made.piece_length, _padded(info, made))
    layout = info.layout()
    real = [at for at in range(layout.num_files()) if not layout.file_flags(at) & layout.flag_pad_file]
    assert [layout.file_size(at) for at in real] == [file.size_bytes for file in made.files]
    written: Any = lt.write_torrent_file(loaded)
    assert lt.bencode(written) == made.metainfo


def _padded(info: Any, made: CreatedTorrent) -> int:
    """The size as libtorrent counts it: with pad files."""
    layout = info.layout()
    pads = [at for at in range(layout.num_files()) if layout.file_flags(at) & layout.flag_pad_file]
    sizes: list[int] = [layout.file_size(at) for at in pads]
    return made.size + sum(sizes)


@pytest.mark.parametrize(("version", "flags"), [("v1", 64), ("v2", 32), ("hybrid", 0)])
async def test_libtorrent_makes_the_same_of_the_same_file(workshop: Workshop, version: Version, flags: int) -> None:
    """Who makes a torrent of one file with another program that stands on libtorrent finds the same swarm."""
    path = workshop.write({"film.mkv": payload(300_000)}, "film.mkv")
    made = await workshop.make(path, format=Format(version), piece_length=32 * KIB)

    options = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": flags}[version]
    theirs = lt.create_torrent(lt.list_files(str(path)), 32 * KIB, options)
    lt.set_piece_hashes(theirs, str(path.parent))
    assert parts(lt.bencode(theirs.generate()))[0] == parts(made.metainfo)[0]


NAMES = st.text(st.characters(codec="utf-8", categories=["Ll", "Nd"]), max_size=3).map(
    lambda text: unicodedata.normalize("NFC", f"x{text}")
)
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.integers(0, 100 * KIB), min_size=1, max_size=8
)


@settings(max_examples=40, deadline=None)
@given(sizes=TREES, version=st.sampled_from(VERSIONS), power=st.integers(14, 17), hashers=st.integers(1, 3))
def test_every_tree_gets_the_hashes_of_the_specification(
    sizes: dict[str, int], version: Version, power: int, hashers: int
) -> None:
    files = {path: payload(size, seed=number) for number, (path, size) in enumerate(sizes.items())}
    files = {path: data for path, data in files.items() if _is_possible(path, files)}

    async def check() -> None:
        with tempfile.TemporaryDirectory() as home:
            async with open_workshop(Path(home) / "allowed", hashers=hashers) as workshop:
                path = workshop.write(files)
                if not any(files.values()):
                    with pytest.raises(SourceRefused, match="empty"):
                        await workshop.make(path)
                    return
                made = await workshop.make(path, format=Format(version), piece_length=1 << power)
                ordered = in_order(files)
                assert made.metainfo == make_torrent(ordered, name="thing", version=version, piece_length=1 << power)
                assert_libtorrent_agrees(made)

    trio.run(check)


def _is_possible(path: str, files: dict[str, bytes]) -> bool:
    """Whether a tree on disk can have it beside the others: no file is a directory too."""
    return not any(other.startswith(f"{path}/") for other in files)


async def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    made: set[bytes] = set()
    for number, hashers in enumerate((1, 2, 3)):
        async with open_workshop(tmp_path / f"allowed-{number}", hashers=hashers) as workshop:
            names = list(FILES) if number % 2 else list(reversed(FILES))
            path = workshop.write({name: FILES[name] for name in names})
            path.joinpath("a.bin").touch()
            made |= {(await workshop.make(path, format=Format.HYBRID)).metainfo for _ in range(2)}
    assert len(made) == 1


async def test_everything_that_is_asked_for_is_in_it(workshop: Workshop) -> None:
    made = await workshop.make(
        workshop.write({"a": b"x"}),
        trackers=("http://one.example/announce", "udp://two.example:1"),
        web_seeds=("https://seed.example/",),
        private=True,
        comment="about\nit",
        source="SITE",
        created_at=1_800_000_000,
    )
    document: Any = decode(made.metainfo)
    assert document[b"announce"] == b"http://one.example/announce"
    assert document[b"announce-list"] == [[b"http://one.example/announce"], [b"udp://two.example:1"]]
    assert document[b"url-list"] == [b"https://seed.example/"]
    assert document[b"comment"] == b"about\nit"
    assert document[b"creation date"] == 1_800_000_000
    assert document[b"info"][b"private"] == 1
    assert document[b"info"][b"source"] == b"SITE"
    parsed = parse_metainfo(made.metainfo)
    assert parsed.private
    assert parsed.trackers == ("http://one.example/announce", "udp://two.example:1")
    assert parsed.web_seeds == ("https://seed.example/",)


async def test_nothing_is_in_it_that_was_not_asked_for(workshop: Workshop) -> None:
    made = await workshop.make(workshop.write({"a": b"x"}))
    document: Any = decode(made.metainfo)
    assert set(document) == {b"info"}
    assert set(document[b"info"]) == {b"files", b"name", b"piece length", b"pieces"}


async def test_private_and_source_give_another_info_hash(workshop: Workshop) -> None:
    path = workshop.write({"a": b"x"})
    tracker = ("http://one.example/announce",)
    variants: list[dict[str, Any]] = [{}, {"private": True, "trackers": tracker}, {"source": "A"}, {"source": "B"}]
    hashes = {(await workshop.make(path, **options)).hashes for options in variants}
    assert len(hashes) == len(variants)
    assert len({(await workshop.make(path, **options)).hashes for options in ({}, {"comment": "x"})}) == 1


SELECTIONS: list[tuple[SelectionRules, set[str], dict[str, str]]] = [
    (SelectionRules(include=("**/*.mkv",)), {"b/c/d.mkv"}, {"a.bin": "no include pattern matches"}),
    (
        SelectionRules(exclude=("b/**", "B.X/*")),
        {"a.bin", "caf\u00e9/\u4e16\u754c.txt", "z", "zz"},
        {"b/empty": "exclude: b/**"},
    ),
    (SelectionRules(skip_fluff=True, exclude=("z*",)), {*FILES} - {"z", "zz"}, {"z": "exclude: z*"}),
]


@pytest.mark.parametrize(("rules", "chosen", "skipped"), SELECTIONS)
@pytest.mark.parametrize("version", VERSIONS)
async def test_rules_choose_the_files(
    workshop: Workshop, rules: SelectionRules, chosen: set[str], skipped: dict[str, str], version: Version
) -> None:
    made = await workshop.make(workshop.write(FILES), selection=rules, format=Format(version), piece_length=16 * KIB)
    files = in_order({path: data for path, data in FILES.items() if path in chosen})
    assert made.metainfo == make_torrent(files, name="thing", version=version)
    rules_of = {file.path: file.rule for file in made.skipped}
    assert set(rules_of) == set(FILES) - chosen
    assert skipped.items() <= rules_of.items()


async def test_fluff_is_left_out(workshop: Workshop) -> None:
    files = {"film.mkv": b"x" * 100, "Sample/film.mkv": b"x", "extras/deep/x": b"x"}
    path = workshop.write(files)
    for rules in (SelectionRules(skip_fluff=True), SelectionRules(exclude=("@skip_fluff",))):
        made = await workshop.make(path, selection=rules)
        assert [file.path for file in made.files] == ["film.mkv"]
        assert {file.rule for file in made.skipped} == {
            'skip_fluff: directory "Sample"',
            'skip_fluff: directory "extras"',
        }


def test_versions_are_all_there() -> None:
    assert [format_.value for format_ in Format] == list(VERSIONS)
    assert [(f.has_v1, f.has_v2) for f in Format] == [(True, False), (False, True), (True, True)]
