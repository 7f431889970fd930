"""Tools that hang, lie, flood or attack. None is believed, and nothing of theirs is left."""

import os

import pytest

from revaer.fsops.archives.errors import BadArchive, PasswordRefused, TooMuch, UnsafeMember
from revaer.fsops.errors import Cancelled, Refused, Transient
from revaer.fsops.types import Limits
from tests.fsops_archives.conftest import GENEROUS, Bench
from tests.support.rar_writer import Entry, rar4, rar5

HEADER = b"7z\xbc\xaf\x27\x1c" + bytes(26)
ARCHIVE = HEADER + b"x" * 1000
BANNER = "i) echo '7-Zip (z) 24.09 (x64) : Copyright';;"


def record(path: str, size: int = 1, attributes: str = "A -rw-r--r--", encrypted: str = "-") -> str:
    return f"Path = {path}\nSize = {size}\nAttributes = {attributes}\nEncrypted = {encrypted}\n"


def sevenzip(bench: Bench, *records: str, extracting: str = ":", listing: str = "") -> None:
    """A 7-Zip that lists these members and extracts by a script; `$out` is where to."""
    bench.put("a.7z", ARCHIVE)
    (bench.programs / "list").write_text("Type = 7z\n\n----------\n" + "\n".join(records) + "\n")
    list_them = listing or f"cat {bench.programs}/list"
    out = 'for each; do case "$each" in -o*) out="${each#-o}";; esac; done; cd "$out"'
    bench.program("7zz", f'case "$1" in {BANNER} l) {list_them};; x) {out}; {extracting};; esac')


def test_honest_tool_is_taken_at_its_files(bench: Bench) -> None:
    sevenzip(
        bench,
        record("a"),
        record("d", 0, "D drwxr-xr-x"),
        record("d/b", 0),
        extracting="printf x > a; mkdir d; : > d/b",
    )

    extraction = bench.extract()

    assert bench.content() == {"a": b"x", "d/b": b""}
    assert extraction.archives[0].files == 2


@pytest.mark.parametrize(
    ("extracting", "reason"),
    [
        (":", "did not extract the member 'a'"),
        ("printf xx > a", "2 bytes instead of 1"),
        ("printf x > a; printf x > b", "wrote the file 'b'"),
        ("mkdir a; printf x > a/a", "did not extract the member 'a'"),
    ],
)
def test_success_that_is_a_lie_is_found_out(bench: Bench, extracting: str, reason: str) -> None:
    sevenzip(bench, record("a"), extracting=extracting)

    assert reason in bench.refused(BadArchive).message


@pytest.mark.parametrize("silence", ["exit 0", "exit 1", "echo 'Type = 7z'"])
def test_tool_that_lists_nothing_is_found_out(bench: Bench, silence: str) -> None:
    sevenzip(bench, listing=silence)

    assert "listed nothing" in bench.refused(BadArchive).message


def test_archive_with_an_empty_list_is_extracted(bench: Bench) -> None:
    sevenzip(bench, listing="echo ----------")

    assert bench.extract().archives[0].members == 0


def test_tool_that_could_not_be_started_may_be_tried_again(bench: Bench) -> None:
    sevenzip(bench, listing="echo 'cannot start 7zz: MemoryError()' >&2; exit 127")

    assert "could not be started" in bench.refused(Transient).message


@pytest.mark.parametrize(
    "extracting",
    [
        "ln -s /etc/passwd a",
        "ln -s ../../../evil a",
        "mkdir d; ln -s d/../../evil a",
        "mkfifo a",
        "printf x > 'bad\nname'",
        "printf x > '..\\evil'",
        "printf x > Same; printf x > same",
        "mkdir .revaer",
    ],
)
def test_what_must_not_come_out_is_refused(bench: Bench, extracting: str) -> None:
    sevenzip(bench, extracting=extracting)

    if "mkfifo" in extracting:  # the cage does not even let it be made
        bench.extract()
        assert bench.content() == {}
    else:
        bench.refused(UnsafeMember)


@pytest.mark.parametrize(
    "attack",
    [
        "echo x > ../../../evil",
        "echo x > {world}/evil",
        "rm -rf {world}/download {world}/evil",
        "echo x >> {world}/download/a.7z",
        "for each in ../in/*; do echo x >> $each; done",
        "chmod 777 ../in",
        "touch {world}/download/new",
    ],
)
def test_tool_that_reaches_outside_changes_nothing_there(bench: Bench, attack: str) -> None:
    sevenzip(bench, record("a"), extracting=f"printf x > a; {attack.format(world=bench.world)}; exit 0")

    bench.extract()

    assert bench.content() == {"a": b"x"}


def test_permissions_of_a_tool_are_made_plain(bench: Bench) -> None:
    sevenzip(bench, record("a"), extracting="printf x > a; chmod 6777 a; mkdir d; chmod 000 d")

    bench.extract()

    assert oct((bench.into / "a").stat().st_mode) == oct(0o100755)
    assert oct((bench.into / "d").stat().st_mode) == oct(0o040755)


@pytest.mark.parametrize("name", ["../evil", "/evil", "c:/evil", "a/../../evil", "..\\evil", "x" * 256])
def test_name_in_the_list_is_refused_before_the_tool_extracts(bench: Bench, name: str) -> None:
    sevenzip(bench, record("good"), record(name), extracting="echo started > ../../started")

    bench.refused(UnsafeMember)


@pytest.mark.parametrize("attributes", ["A crw-r--r--", "A prw-r--r--", "A brw-r--r--", "A srw-r--r--"])
def test_special_file_in_the_list_is_refused(bench: Bench, attributes: str) -> None:
    sevenzip(bench, record("dev", 0, attributes))

    assert "device" in bench.refused(UnsafeMember).message


def test_bomb_in_the_list_is_refused(bench: Bench) -> None:
    sevenzip(bench, record("a", 10**10))

    assert "times its size" in bench.refused(TooMuch, limits=Limits()).message


def test_bomb_that_the_list_keeps_quiet_is_stopped_while_it_goes_off(bench: Bench) -> None:
    sevenzip(
        bench, record("a"), extracting="for i in 1 2 3 4 5 6 7 8 9; do head -c 5000000 /dev/zero > $i; done; sleep 1000"
    )

    error = bench.refused(TooMuch, limits=Limits(max_extracted_bytes=20_000_000, max_ratio=1e6))

    assert "more than 20000000 bytes" in error.message


def test_single_large_file_is_stopped_by_the_kernel(bench: Bench) -> None:
    sevenzip(bench, record("a"), extracting="exec head -c 500000000 /dev/zero > a")

    bench.refused(TooMuch, limits=Limits(max_extracted_bytes=10_000_000, max_ratio=1e6))


def test_flood_of_files_is_stopped(bench: Bench) -> None:
    sevenzip(bench, record("a"), extracting="i=0; while :; do i=$((i+1)); : > $i; done")

    assert "files" in bench.refused(TooMuch, limits=Limits(max_files=500)).message


def test_tool_that_hangs_is_killed_at_the_steps_end(bench: Bench) -> None:
    sevenzip(bench, record("a"), extracting="trap '' TERM; sleep 1000 & sleep 1000")

    error = bench.refused(Transient, limits=Limits(step_timeout=1))

    assert "longer than" in error.message


def test_tool_that_hangs_is_killed_at_cancellation(bench: Bench) -> None:
    started = bench.into.parent / "extracted"
    sevenzip(bench, record("a"), extracting=": > started; sleep 1000 & sleep 1000")

    bench.refused(Cancelled, cancelled=lambda: any(started.glob(".revaer-extract-*/out/started")))


def test_list_without_end_is_cut_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.fsops.archives.quarantine._LISTING_BYTES", 1_000_000)
    sevenzip(bench, listing="exec yes")

    assert "printed more than" in bench.refused(Refused, limits=Limits(max_files=1)).message


def test_line_without_end_is_cut_off(bench: Bench) -> None:
    sevenzip(bench, listing="head -c 10000000 /dev/zero")

    assert "long line" in bench.refused(BadArchive).message


def test_damage_that_the_tool_tells_is_told(bench: Bench) -> None:
    sevenzip(bench, record("a"), extracting="printf x > a; echo 'ERROR: CRC Failed : a' >&2; exit 2")

    error = bench.refused(BadArchive)

    assert "CRC Failed : a" in error.message
    assert not error.retryable


def test_full_disk_that_the_tool_tells_is_retryable(bench: Bench) -> None:
    sevenzip(
        bench,
        record("a"),
        extracting="echo 'ERROR: There is not enough space on the disk : No space left on device' >&2; exit 2",
    )

    assert bench.refused(Transient).retryable


def test_warning_is_no_failure_when_everything_came_out(bench: Bench) -> None:
    sevenzip(bench, record("a"), extracting="printf x > a; exit 1")

    bench.extract()

    assert bench.content() == {"a": b"x"}


PROMPTS = 'read -r word; if test "$word" = right; then printf x > a; else echo "Wrong password?" >&2; exit 2; fi'


def test_passwords_are_tried_one_after_the_other(bench: Bench) -> None:
    sevenzip(bench, record("a", encrypted="+"), extracting=PROMPTS)

    bench.extract(passwords=["wrong", "right"])

    assert bench.content() == {"a": b"x"}


@pytest.mark.parametrize(
    ("passwords", "reason"), [([], "no password for it"), (["bad"], "does not fit"), (["bad", "b"], "none of the 2")]
)
def test_missing_and_wrong_passwords_are_permanent(bench: Bench, passwords: list[str], reason: str) -> None:
    sevenzip(bench, record("a", encrypted="+"), extracting=PROMPTS)

    error = bench.refused(PasswordRefused, passwords=passwords)

    assert reason in error.message
    assert not error.retryable


def test_password_is_never_an_argument(bench: Bench) -> None:
    sevenzip(bench, record("a", encrypted="+"), extracting='echo "$@" > a; cat /proc/$$/cmdline /proc/$$/environ >> a')
    (bench.programs / "list").write_text("----------\nPath = a\nSize = \nAttributes = A -rw-r--r--\nEncrypted = +\n")

    bench.extract(passwords=["hunter2"])

    assert b"hunter2" not in bench.content()["a"]


def test_encrypted_list_takes_the_password_too(bench: Bench) -> None:
    told = f"cat {bench.programs}/list"
    locked = f'read -r word; if test "$word" = right; then {told}; else echo "Wrong password?"; exit 2; fi'
    sevenzip(bench, record("a", encrypted="+"), extracting=PROMPTS, listing=locked)

    bench.extract(passwords=["wrong", "right"])
    assert bench.content() == {"a": b"x"}

    bench.into = bench.into.with_name("second")
    bench.before = None
    assert "none of the 2" in bench.refused(PasswordRefused, passwords=["wrong", "bad"]).message
    assert "no password" in bench.refused(PasswordRefused).message


def test_archive_that_is_in_itself_is_refused(bench: Bench) -> None:
    """No archive is needed that is its own member byte by byte: a tool says so."""
    sevenzip(bench, record("d/self.7z", len(ARCHIVE)), extracting="mkdir d; cat ../in/archive.7z > d/self.7z")

    error = bench.refused(TooMuch, limits=Limits(max_depth=16, max_ratio=1e6))

    assert "contains itself" in error.message
    assert error.path == "a.7z/d/self.7z"


def test_truncated_archive_is_refused_before_the_tool_is_asked(bench: Bench) -> None:
    bench.put("a.7z", HEADER[:12] + (5000).to_bytes(8, "little") + bytes(12) + b"x" * 50)
    bench.put("b/b.7z", HEADER[:20])

    assert "82 of 5032 bytes" in bench.refused(BadArchive, "a.7z").message
    assert "truncated" in bench.refused(BadArchive, "b/b.7z").message


def test_volumes_are_given_under_plain_names_and_nothing_else_is_seen(bench: Bench) -> None:
    sevenzip(bench, record("seen", 0), extracting="ls ../in > seen")
    (bench.programs / "list").write_text("----------\nPath = seen\nSize = \nAttributes = A -rw-r--r--\nEncrypted = -\n")
    (bench.root / "a.7z").unlink()
    bench.put("-rf x.7z.001", HEADER)
    bench.put("-rf x.7z.002", b"y")
    bench.put("-rf x.7z.003", b"unselected")

    bench.extract("-rf x.7z.001", "-rf x.7z.002")

    assert bench.content() == {"seen": b"archive.7z.001\narchive.7z.002\n"}


UNRAR = """case "$1" in x) ;; *) echo 'UNRAR 7.00 freeware'; exit 0;; esac
for each; do out="$each"; done; cd "$out"; {}"""
UNAR = """case "$1" in -h) echo 'unar v1.10.8'; exit 0;; esac
while test $# -gt 2; do shift; done; cd "$1"; {}"""


@pytest.mark.parametrize(("name", "script"), [("unrar", UNRAR), ("unar", UNAR)])
@pytest.mark.parametrize(
    ("extracting", "kind", "reason"),
    [
        ("printf 123 > a", None, ""),
        (":", BadArchive, "did not extract"),
        ("printf 12 > a", BadArchive, "2 bytes instead of 3"),
        ("printf 123 > a; ln -s /etc b", UnsafeMember, "absolute target"),
        ("exit 3", BadArchive, "damaged or incomplete"),
        ("kill -9 $$", Transient, "killed from outside"),
    ],
)
def test_rar_tools_are_not_believed(
    bench: Bench, name: str, script: str, extracting: str, kind: type[Refused] | None, reason: str
) -> None:
    bench.program(name, script.format(extracting))
    bench.put("a.rar", rar5([Entry("a", b"123", method=3)])[0])

    if kind is None:
        bench.extract()
        assert bench.content() == {"a": b"123"}
    else:
        assert reason in bench.refused(kind).message


@pytest.mark.parametrize(("name", "script"), [("unrar", UNRAR), ("unar", UNAR)])
def test_rar_tool_that_finds_the_password_wrong_is_asked_with_the_next(bench: Bench, name: str, script: str) -> None:
    """Version 4 has nothing that tells a wrong password but a wrong checksum."""
    said = 'echo "Checksum error in the encrypted file a. Corrupt file or wrong password." >&2; exit 3'
    bench.program(name, script.format(said))
    bench.put("a.rar", rar4([Entry("a", b"123")], password="right")[0])

    assert "no password fits" in bench.refused(PasswordRefused, passwords=["one", "two"]).message


@pytest.mark.parametrize("new_naming", [False, True])
def test_rar_volumes_get_the_names_that_they_expect(bench: Bench, new_naming: bool) -> None:
    bench.program("unrar", UNRAR.format("ls ../in > a; truncate -s 9000 a"))
    volumes = rar4([Entry("a", bytes(9000), method=3)], volume_bytes=4000, new_naming=new_naming)
    for number, content in enumerate(volumes):
        bench.put(f"strange.rar.{number + 1:03}", content)

    bench.extract()

    names = bench.content()["a"].rstrip(b"\0").decode().split()
    old = ["archive.r00", "archive.r01", "archive.rar"]
    assert names == ([f"archive.part000{number}.rar" for number in (1, 2, 3)] if new_naming else old)


def test_volume_that_fills_up_pauses_the_job(bench: Bench) -> None:
    free = os.statvfs(bench.world)
    sevenzip(bench, record("a"), extracting="sleep 1000")

    error = bench.refused(Transient, reserve=free.f_bavail * free.f_frsize + (1 << 40), limits=GENEROUS)

    assert "free space" in error.message
