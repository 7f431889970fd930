"""The real tools of Debian: 7zip, unar and par2."""

import os
import subprocess
from pathlib import Path

import pytest

from revaer.fsops.archives.errors import BadArchive, PasswordRefused, TooMuch
from revaer.fsops.par2 import Verification, Watch, find_sets, repair, verify
from revaer.fsops.tools import ToolBox, ToolName
from revaer.fsops.types import Limits
from tests.fsops_archives.conftest import Bench
from tests.support.archive_writer import zipped
from tests.support.rar_writer import Entry, rar5
from tests.support.tree_snapshot import snapshot

pytestmark = pytest.mark.tools

FILES = {"film.mkv": os.urandom(300_000), "d/Ærø 日本.txt": b"words\n" * 1000, "d/-rf": b"", "@list": b"x"}


@pytest.fixture
def tools() -> ToolBox:
    return ToolBox()


@pytest.fixture
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to pack."""
    root = tmp_path_factory.mktemp("tree")
    for name, content in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    return root


def pack(tree: Path, target: Path, *options: str) -> None:
    """Pack a tree by 7-Zip."""
    program = ToolBox().require(ToolName.SEVENZIP).path
    assert program is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [program, "a", *options, target, "-r", "--", "./*"], cwd=tree, check=True, capture_output=True, timeout=60
    )


def test_all_tools_are_there_and_fit(tools: ToolBox) -> None:
    assert {status.name: status.problem for status in tools.probe()} == dict.fromkeys(ToolName)


@pytest.mark.parametrize("options", [("-mx1",), ("-mx1", "-ms=off"), ("-m0=ppmd",), ("-m0=copy",), ("-m0=bzip2",)])
def test_7z_comes_out(bench: Bench, tools: ToolBox, tree: Path, options: tuple[str, ...]) -> None:
    pack(tree, bench.root / "d" / "a.7z", *options)

    extraction = bench.extract(tools=tools)

    assert bench.content() == {f"d/{name}": content for name, content in FILES.items()}
    assert extraction.archives[0].bytes == sum(map(len, FILES.values()))


def test_links_in_a_7z_are_kept_when_they_stay_inside(bench: Bench, tools: ToolBox, tree: Path) -> None:
    (tree / "link").symlink_to("d/-rf")
    pack(tree, bench.root / "a.7z", "-snl")
    bench.extract(tools=tools)
    assert bench.content()["link"] == b"-> d/-rf"

    (tree / "out").symlink_to("../../evil")
    pack(tree, bench.root / "b" / "b.7z", "-snl")
    bench.before = None
    bench.into = bench.into.with_name("second")
    with pytest.raises(Exception, match=r"b\.7z"):
        bench.extract("b/b.7z", tools=tools)
    assert not bench.into.exists()


def test_volumes_of_a_7z_are_one(bench: Bench, tools: ToolBox, tree: Path) -> None:
    pack(tree, bench.root / "a.7z", "-v100k")

    extraction = bench.extract(tools=tools)

    assert extraction.consumed == {"a.7z.001", "a.7z.002", "a.7z.003"}
    assert bench.content() == FILES


def test_missing_volume_of_a_7z_is_told(bench: Bench, tools: ToolBox, tree: Path) -> None:
    pack(tree, bench.root / "a.7z", "-v100k")
    (bench.root / "a.7z.003").unlink()

    assert "last volumes are missing" in bench.refused(BadArchive, tools=tools).message


@pytest.mark.parametrize("options", [("-psecret wörd",), ("-psecret wörd", "-mhe=on")])
def test_encrypted_7z_comes_out_with_its_password_only(
    bench: Bench, tools: ToolBox, tree: Path, options: tuple[str, ...]
) -> None:
    pack(tree, bench.root / "a.7z", *options)

    assert "no password for it" in bench.refused(PasswordRefused, tools=tools).message
    assert "does not fit" in bench.refused(PasswordRefused, tools=tools, passwords=["bad"]).message
    bench.extract(tools=tools, passwords=["bad", "secret wörd"])
    assert bench.content() == FILES


@pytest.mark.parametrize("place", [0.01, 0.5, 0.98])
def test_damaged_7z_is_refused(bench: Bench, tools: ToolBox, tree: Path, place: float) -> None:
    pack(tree, bench.root / "a.7z", "-mx1")
    content = bytearray((bench.root / "a.7z").read_bytes())
    middle = int(len(content) * place)
    content[middle : middle + 20] = bytes(20)
    bench.put("a.7z", bytes(content))

    bench.refused(BadArchive, tools=tools)


def test_bomb_in_a_7z_is_refused(bench: Bench, tools: ToolBox, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bomb")
    (folder / "zeros").write_bytes(bytes(50_000_000))
    pack(folder, bench.root / "a.7z", "-mx1")

    bench.refused(TooMuch, tools=tools, limits=Limits(max_ratio=100))


@pytest.mark.parametrize("options", [("-mem=AES256",), ("-mem=ZipCrypto",)])
def test_encrypted_zip_comes_out_by_7_zip(bench: Bench, tools: ToolBox, tree: Path, options: tuple[str, ...]) -> None:
    pack(tree, bench.root / "a.zip", "-tzip", "-psecret", *options)

    bench.refused(PasswordRefused, tools=tools)
    bench.refused(PasswordRefused, tools=tools, passwords=["bad"])
    bench.extract(tools=tools, passwords=["bad", "secret"])
    assert bench.content() == FILES


@pytest.mark.parametrize("method", ["Deflate64", "LZMA", "PPMd"])
def test_zip_of_a_rare_method_comes_out_by_7_zip(bench: Bench, tools: ToolBox, tree: Path, method: str) -> None:
    pack(tree, bench.root / "a.zip", "-tzip", f"-mm={method}")

    bench.extract(tools=tools)

    assert bench.content() == FILES


def test_encrypted_zip_in_pieces_comes_out(bench: Bench, tools: ToolBox, tree: Path) -> None:
    pack(tree, bench.root / "a.zip", "-tzip", "-psecret", "-v100k")

    bench.extract(tools=tools, passwords=["secret"])

    assert bench.content() == FILES


def test_7z_within_a_zip_comes_out(bench: Bench, tools: ToolBox, tree: Path) -> None:
    inner = tree.parent / "inner.7z"
    pack(tree, inner)
    bench.put("a.zip", zipped({"x/inner.7z": inner.read_bytes()}))

    bench.extract(tools=tools)

    assert bench.content() == {f"x/{name}": content for name, content in FILES.items()}


RAR_FILES = {name: content for name, content in FILES.items() if name != "@list"}
ENTRIES = [Entry(name, content) for name, content in RAR_FILES.items()] + [Entry("d", directory=True)]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("volume_bytes", [None, 100_000])
def test_encrypted_rar5_comes_out_with_its_password_only(
    bench: Bench, tools: ToolBox, hidden: bool, volume_bytes: int | None
) -> None:
    if volume_bytes and not hidden:
        entries = [Entry("film.mkv", b"")]
        volumes = rar5(entries, password="secret")
    else:
        entries = ENTRIES
        volumes = rar5(entries, password="secret" if not hidden else "s3cret", hidden=hidden)
    for number, content in enumerate(volumes, 1):
        bench.put(f"a.part{number}.rar" if len(volumes) > 1 else "a.rar", content)

    bench.refused(PasswordRefused, tools=tools)
    bench.refused(PasswordRefused, tools=tools, passwords=["bad"])
    bench.extract(tools=tools, passwords=["bad", "secret", "s3cret"])
    assert bench.content() == {entry.name: entry.content for entry in entries if not entry.directory}


@pytest.mark.parametrize("damaged", [True, False])
def test_par2_repairs_a_copy(tmp_path: Path, tools: ToolBox, damaged: bool) -> None:
    root, into = tmp_path / "download", tmp_path / "repaired"
    (root / "d").mkdir(parents=True)
    for name in ("film.mkv", "other", "third"):
        (root / "d" / name).write_bytes(os.urandom(200_000))
    program = tools.require(ToolName.PAR2).path
    assert program is not None
    subprocess.run(
        [program, "create", "-q", "-q", "-s4000", "-r50", "set.par2", "film.mkv", "other", "third"],
        cwd=root / "d", check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    good = (root / "d" / "film.mkv").read_bytes()
    (found,) = find_sets(path.relative_to(root).as_posix() for path in root.rglob("*.par2"))
    watch = Watch(60, lambda: False, lambda _: None)
    assert verify(root, found, watch).ok

    if damaged:
        (root / "d" / "film.mkv").write_bytes(good[:50_000] + bytes(1000) + good[51_000:])
    else:
        (root / "d" / "film.mkv").unlink()
    before = snapshot(root)
    state = repair(root, into, found, tools, watch)

    broken = ("d/film.mkv",)
    assert state == Verification(("d/other", "d/third"), broken if damaged else (), () if damaged else broken)
    assert {path.name: path.read_bytes() for path in into.rglob("*") if path.is_file()} == {"film.mkv": good}
    assert snapshot(root) == before


def test_par2_without_enough_recovery_data_is_permanent(tmp_path: Path, tools: ToolBox) -> None:
    root = tmp_path / "download"
    root.mkdir()
    for name in ("film", "other"):
        (root / name).write_bytes(os.urandom(100_000))
    program = tools.require(ToolName.PAR2).path
    assert program is not None
    subprocess.run(
        [program, "create", "-q", "-q", "-s4000", "-r5", "set.par2", "film", "other"],
        cwd=root,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (root / "film").unlink()
    (found,) = find_sets(path.name for path in root.iterdir())

    with pytest.raises(Exception, match="not enough recovery data"):
        repair(root, tmp_path / "into", found, tools, Watch(60, lambda: False, lambda _: None))
    assert not (tmp_path / "into").exists()
