"""PAR2 sets: verified by digest, repaired on copies by a tool that is never believed."""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from revaer.fsops.archives.errors import BadArchive, UnsafeMember
from revaer.fsops.archives.sources import CHUNK
from revaer.fsops.errors import Cancelled, FsOpsError, Refused, Transient
from revaer.fsops.par2 import Par2Set, Verification, Watch, find_sets, repair, verify
from revaer.fsops.tools import ToolBox, ToolMissing
from revaer.fsops.types import StepName
from tests.support.par2_writer import par2
from tests.support.tree_snapshot import snapshot

GOOD = {"film.mkv": os.urandom(200_000), "d/subs.txt": b"words", "empty": b""}


class Desk:
    """A download with a set, and a folder for tools."""

    def __init__(self, world: Path) -> None:
        self.root = world / "download"
        self.into = world / "repaired"
        self.programs = world / "programs"
        for folder in (self.root, self.programs):
            folder.mkdir()
        self.progress: list[int] = []

    def put(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def tool(self, script: str) -> ToolBox:
        path = self.programs / "par2"
        path.write_text(f'#!/bin/sh\ncase "$1" in -V) echo "par2cmdline version 0.8.1";; repair) {script};; esac\n')
        path.chmod(0o755)
        return ToolBox([self.programs])

    @property
    def found(self) -> Par2Set:
        files = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]
        (found,) = find_sets(files)
        return found

    def watch(self, cancelled: Callable[[], bool] = lambda: False, timeout: float = 30, reserve: int = 0) -> Watch:
        return Watch(timeout, cancelled, self.progress.append, reserve)

    def verify(self) -> Verification:
        return verify(self.root, self.found, self.watch())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    for name, content in GOOD.items():
        made.put(name, content)
    made.put("set.par2", par2(GOOD))
    made.put("set.vol0+1.par2", par2(GOOD))
    return made


def test_sets_are_found_by_name() -> None:
    files = ["b/x.vol001+2.par2", "b/x.PAR2", "a.par2", "b/x.vol000+1.PAR2", "b/x.rar", "c.vol1+1.par2"]

    assert find_sets(files) == (
        Par2Set("", ("a.par2",)),
        Par2Set("b", ("b/x.PAR2", "b/x.vol000+1.PAR2", "b/x.vol001+2.par2")),
        Par2Set("", ("c.vol1+1.par2",)),
    )


def test_whole_files_are_intact(desk: Desk) -> None:
    assert desk.verify() == Verification(("d/subs.txt", "empty", "film.mkv"), (), ())
    assert desk.verify().ok
    assert desk.progress[-1] == sum(map(len, GOOD.values()))


def test_names_are_relative_to_the_set(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.put("CD1/a", b"x")
    desk.put("CD1/a.par2", par2({"a": b"x"}))

    assert desk.verify().intact == ("CD1/a",)


def test_damage_of_one_bit_of_size_and_absence_are_told_apart(desk: Desk) -> None:
    content = bytearray(GOOD["film.mkv"])
    content[100_000] ^= 1
    desk.put("film.mkv", bytes(content))
    desk.put("d/subs.txt", b"word")
    (desk.root / "empty").unlink()

    assert desk.verify() == Verification((), ("d/subs.txt", "film.mkv"), ("empty",))


def test_file_that_was_not_selected_is_not_looked_at(desk: Desk) -> None:
    found = verify(desk.root, desk.found, desk.watch(), files={"film.mkv"})

    assert found == Verification(("film.mkv",), (), ("d/subs.txt", "empty"))


@pytest.mark.parametrize("make", ["link", "pipe", "directory"])
def test_what_is_no_file_is_not_followed(desk: Desk, make: str) -> None:
    path = desk.root / "empty"
    path.unlink()
    if make == "link":
        path.symlink_to("film.mkv")
    elif make == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    found = Par2Set("", ("set.par2",))

    assert not verify(desk.root, found, desk.watch()).ok


def test_damaged_index_is_made_up_for_by_a_volume(desk: Desk) -> None:
    desk.put("set.par2", b"\0" * 1000 + par2(GOOD)[:300])

    assert desk.verify().ok


def test_damage_between_packets_is_passed_over(desk: Desk) -> None:
    content = par2(GOOD)
    desk.put("set.par2", b"garbage!" * 9 + content)
    (desk.root / "set.vol0+1.par2").unlink()

    assert desk.verify().ok


@pytest.mark.parametrize("content", [b"", b"no par2", par2(GOOD, without="empty"), par2(GOOD)[:200]], ids=len)
def test_set_that_does_not_tell_all_is_refused(desk: Desk, content: bytes) -> None:
    desk.put("set.par2", content)
    (desk.root / "set.vol0+1.par2").unlink()

    with pytest.raises(BadArchive, match="does not describe all files") as caught:
        desk.verify()
    assert (caught.value.step, caught.value.path) == (StepName.VERIFY_PAR2, "set.par2")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "c:/evil", "..\\evil", ".revaer", "a\udcff"])
def test_protected_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path)
    desk.put("a.par2", par2({name: b"x", "good": b"y"}))

    with pytest.raises(UnsafeMember):
        desk.verify()


def test_cancelled_verification_stops(desk: Desk) -> None:
    with pytest.raises(Cancelled):
        verify(desk.root, desk.found, desk.watch(cancelled=lambda: True))


def test_set_of_nothing_but_beginnings_is_read_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def count(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal read
        piece = pread(descriptor, size, offset)
        read += len(piece)
        return piece

    pread = os.pread
    monkeypatch.setattr(os, "pread", count)
    content = (b"PAR2\0PKT" + struct.pack("<Q", 1)) * 20_000
    desk.put("set.par2", content)
    (desk.root / "set.vol0+1.par2").unlink()

    with pytest.raises(BadArchive, match="does not describe all files"):
        desk.verify()
    assert read < len(content) * 6


@pytest.mark.parametrize("piece", [b"PAR2\0PKT" + struct.pack("<Q", 1), b"PAR2\0PKT" + struct.pack("<Q", 64), b"x"])
def test_reading_a_damaged_set_is_cancelled(desk: Desk, piece: bytes) -> None:
    desk.put("set.par2", piece.ljust(64, b"\0") * 50_000)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with pytest.raises(Cancelled):
        verify(desk.root, desk.found, desk.watch(cancelled=cancelled))
    assert asked == 3


@pytest.mark.parametrize("before", [CHUNK - 4, CHUNK + 1, 2 * CHUNK - 11])
def test_packet_behind_long_damage_is_found(desk: Desk, before: int) -> None:
    desk.put("set.par2", b"x" * before + par2(GOOD))
    (desk.root / "set.vol0+1.par2").unlink()

    assert desk.verify().ok


def test_nothing_to_repair_needs_no_tool(desk: Desk) -> None:
    assert repair(desk.root, desk.into, desk.found, ToolBox([]), desk.watch()).ok
    assert list(desk.into.iterdir()) == []


def damage(desk: Desk) -> None:
    """One file is damaged, one is missing, and a good copy of both lies where the tool can get it."""
    for name in ("film.mkv", "d/subs.txt"):
        copy = desk.programs / name.replace("/", "-")
        copy.write_bytes(GOOD[name])
    desk.put("film.mkv", b"damaged")
    (desk.root / "d" / "subs.txt").unlink()


def repairing(desk: Desk, more: str = ":") -> ToolBox:
    programs = desk.programs
    return desk.tool(
        f"mv film.mkv film.mkv.1; cp {programs}/film.mkv film.mkv; cp {programs}/d-subs.txt d/subs.txt; {more}"
    )


def test_repair_works_on_copies_and_leaves_nothing_else(desk: Desk) -> None:
    damage(desk)
    before = snapshot(desk.root)

    state = repair(desk.root, desk.into, desk.found, repairing(desk), desk.watch())

    assert state == Verification(("empty",), ("film.mkv",), ("d/subs.txt",))
    files = {
        path.relative_to(desk.into).as_posix(): path.read_bytes() for path in desk.into.rglob("*") if path.is_file()
    }
    assert files == {name: GOOD[name] for name in ("film.mkv", "d/subs.txt")}
    assert snapshot(desk.root) == before


@pytest.mark.parametrize(
    "attack", ["echo x >> {root}/empty", "echo x >> empty", "rm {root}/*.par2", "echo x >> .revaer-par2/set.par2"]
)
def test_tool_cannot_change_the_originals(desk: Desk, attack: str) -> None:
    damage(desk)
    before = snapshot(desk.root)

    repair(desk.root, desk.into, desk.found, repairing(desk, f"{attack.format(root=desk.root)}; exit 0"), desk.watch())

    assert snapshot(desk.root) == before


@pytest.mark.parametrize(
    ("script", "kind", "reason"),
    [
        ("exit 0", Refused, "reported success, but film.mkv is not repaired"),
        ("rm film.mkv; exit 0", Refused, "is not repaired"),
        ("rm film.mkv; ln -s {good} film.mkv; mkdir -p d; cp {subs} d/subs.txt", Refused, "film.mkv is not repaired"),
        ("exit 1", Refused, "exit code 1"),
        ("exit 2", Refused, "not enough recovery data"),
        ("exit 4", Refused, "not enough recovery data"),
        ("echo 'No space left on device' >&2; exit 6", Transient, "no space left"),
        ("sleep 1000 & sleep 1000", Transient, "longer than"),
        ("exec yes", Refused, "printed more than"),
        ("kill -9 $$", Transient, "killed from outside"),
    ],
)
def test_tool_that_fails_or_lies_leaves_nothing(
    desk: Desk, script: str, kind: type[FsOpsError], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(repair.__globals__["run_tool"].__kwdefaults__, "max_output", 1_000_000)
    damage(desk)
    before = snapshot(desk.root)
    tools = desk.tool(script.format(good=desk.programs / "film.mkv", subs=desk.programs / "d-subs.txt"))

    with pytest.raises(kind, match=reason) as caught:
        repair(desk.root, desk.into, desk.found, tools, desk.watch(timeout=1))

    assert caught.value.step is StepName.VERIFY_PAR2
    assert not desk.into.exists()
    assert snapshot(desk.root) == before


def test_missing_tool_names_its_package(desk: Desk) -> None:
    damage(desk)

    with pytest.raises(ToolMissing, match="package par2"):
        repair(desk.root, desk.into, desk.found, ToolBox([desk.programs]), desk.watch())
    assert not desk.into.exists()


def test_cancelled_repair_leaves_nothing(desk: Desk) -> None:
    damage(desk)
    tools = desk.tool(": > started; sleep 1000")

    with pytest.raises(Cancelled):
        repair(desk.root, desk.into, desk.found, tools, desk.watch(cancelled=(desk.into / "started").exists))
    assert not desk.into.exists()


def test_reserve_is_kept_free(desk: Desk) -> None:
    damage(desk)

    with pytest.raises(Transient, match="free space"):
        repair(desk.root, desk.into, desk.found, desk.tool("sleep 1000"), desk.watch(reserve=1 << 60))
    assert not desk.into.exists()


def test_writer_of_the_tests_is_right() -> None:
    """The packets' digests cover what the format says."""
    content = par2({"a": b"x"})
    length = int.from_bytes(content[8:16], "little")
    assert content[16:32] == hashlib.md5(content[32:length]).digest()
