"""The pure parts: layout, links, names, digests, plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.fsops.cleanup import sift
from revaer.fsops.digests import job_digest, manifest_digest, policy_digest
from revaer.fsops.errors import Refused
from revaer.fsops.layout import Layout, arrange, check_name, numbered
from revaer.fsops.links import check_links
from revaer.fsops.ownership import Ownership
from revaer.fsops.plan import Action, Facts, acceptable, decide, plan, prune, step_digest
from revaer.fsops.plan import Seen as SeenOnDisk
from revaer.fsops.policy import MoveMode, Paths, Policy
from revaer.fsops.record import (
    Extracted,
    Hashed,
    Located,
    Origin,
    Placed,
    Record,
    Stamp,
    StepRecord,
    UnreadableRecord,
    decode,
    encode,
)
from revaer.fsops.tree import Entry, Kind
from revaer.fsops.types import Job, Outcome, SourceFile, StepName
from revaer.selection import evaluate
from revaer.types import TorrentId

ID = TorrentId("01900000-0000-7000-8000-000000000001")
STAMP = Stamp(1, 2, 3)


def located(*paths: str) -> list[Located]:
    return [Located(path, Stamp(number, 10, 20), 0o644, 0, 0) for number, path in enumerate(paths)]


def extracted(*paths: str, link: str | None = None) -> list[Extracted]:
    return [Extracted(path, Stamp(100 + number, 10, 20), 0o644, link) for number, path in enumerate(paths)]


def job(*paths: str, multi: bool = True) -> Job:
    return Job(ID, "Show", Path("/downloads/Show"), tuple(SourceFile(path, 10) for path in paths), multi)


def lay(
    own: list[str], out: list[str], *, consumed: tuple[str, ...] = (), flatten: bool = False, link: str | None = None
) -> Layout:
    return arrange(job(*own), located(*own), {}, extracted(*out, link=link), consumed, flatten=flatten)


def targets(layout: Layout) -> list[str]:
    return [item.target for item in layout.items]


def test_consumed_archives_do_not_enter_the_entry() -> None:
    assert targets(lay(["a.rar", "a.r00", "b.txt"], ["film"], consumed=("a.rar", "a.r00"))) == ["b.txt", "film"]


def test_extracted_file_whose_name_is_taken_gets_a_number() -> None:
    layout = lay(["readme.txt", "x (2)", "x", "a.zip"], ["readme.txt", "x"], consumed=("a.zip",))

    assert targets(layout) == ["readme (2).txt", "readme.txt", "x", "x (2)", "x (3)"]
    assert layout.renamed == 2


def test_extracted_directory_whose_name_is_a_file_gets_a_number() -> None:
    layout = lay(["cd", "a.zip"], ["cd/one", "cd/deep/two"], consumed=("a.zip",))

    assert targets(layout) == ["cd", "cd (2)/deep/two", "cd (2)/one"]


def test_extracted_file_whose_name_is_a_directory_gets_a_number() -> None:
    assert targets(lay(["cd/x", "a.zip"], ["cd"], consumed=("a.zip",))) == ["cd (2)", "cd/x"]


@pytest.mark.parametrize(
    ("paths", "entry", "directory", "expected"),
    [
        (["in/a", "in/b"], "in", True, ["a", "b"]),
        (["in/deep/a", "in/deep/b"], "deep", True, ["a", "b"]),
        (["in/deep/a"], "a", False, ["a"]),
        (["a"], "a", False, ["a"]),
        (["a", "in/b"], "Show", True, ["a", "in/b"]),
        (["in/a", "in/sub/b"], "in", True, ["a", "sub/b"]),
    ],
)
def test_flatten_takes_directories_around_a_single_entry_away(
    paths: list[str], entry: str, directory: bool, expected: list[str]
) -> None:
    layout = lay(paths, [], flatten=True)

    assert (layout.entry, layout.directory, targets(layout)) == (entry, directory, expected)


def test_flatten_does_not_make_a_link_the_entry() -> None:
    layout = lay(["a.zip"], ["deep/film.mkv"], consumed=("a.zip",), flatten=True, link="Other/secret.mkv")

    assert (layout.entry, layout.directory, targets(layout)) == ("deep", True, ["film.mkv"])


@pytest.mark.parametrize(
    ("name", "entry"),
    [("x.zip", "x"), ("x.tar.gz", "x"), ("x.part01.rar", "x"), ("x", "x"), (".zip", ".zip"), ("a.b.7z", "a.b")],
)
def test_single_archive_gives_its_name_to_a_directory(name: str, entry: str) -> None:
    layout = arrange(job(name, multi=False), located(name), {}, extracted("film"), (name,), flatten=False)

    assert (layout.entry, layout.directory, targets(layout)) == (entry, True, ["film"])


def test_path_of_two_thousand_directories_does_not_exhaust_the_stack() -> None:
    deep = "/".join(["a"] * 2000)

    assert targets(lay(["x", "a.zip"], [deep], consumed=("a.zip",))) == [deep, "x"]


@pytest.mark.parametrize(
    ("name", "directory", "expected"),
    [
        ("film.mkv", False, "film (2).mkv"),
        ("film.mkv", True, "film.mkv (2)"),
        ("film", False, "film (2)"),
        (".hidden", False, ".hidden (2)"),
    ],
)
def test_number_goes_before_the_extension_of_a_file(name: str, directory: bool, expected: str) -> None:
    assert numbered(name, 2, directory=directory) == expected


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "\0", "ü" * 128])
def test_names_that_cannot_be_entries_are_refused(name: str) -> None:
    with pytest.raises(Refused):
        check_name(name)


@pytest.mark.parametrize("target", ["../x", "/etc/passwd", "../../x", "sub/../../x", "loop", "step", "sub/up/x"])
def test_links_that_lead_out_or_in_circles_are_refused(target: str) -> None:
    layout = lay(["a.zip", "sub/x"], ["link", "loop", "step", "sub/up"], consumed=("a.zip",))
    links = {"link": target, "loop": "link", "step": "loop", "sub/up": "../.."}
    items = {item.target: msgspec.structs.replace(item, link=links.get(item.target)) for item in layout.items}

    with pytest.raises(Refused, match="symbolic link"):
        check_links(items)


@pytest.mark.parametrize("target", ["x", "sub/x", "./sub/../x", "nothing", "sub"])
def test_links_that_stay_inside_are_fine(target: str) -> None:
    layout = lay(["a.zip", "sub/x", "x"], ["link"], consumed=("a.zip",))
    items = {
        item.target: msgspec.structs.replace(item, link=target if item.target == "link" else None)
        for item in layout.items
    }

    check_links(items)


def test_cleanup_drops_by_pattern_and_keeps_what_must_be_kept() -> None:
    layout = lay(["film.nfo", "keep.nfo", "film.mkv", "Sample/s.mkv"], [])
    policy = Policy(cleanup_drop=("*.nfo", "@skip_fluff"), cleanup_keep=("keep.*",))

    wanted, dropped = sift(layout, policy, evaluate)

    assert [item.target for item in wanted] == ["film.mkv", "keep.nfo"]
    assert [(each.item.target, each.rule) for each in dropped] == [
        ("Sample/s.mkv", 'skip_fluff: directory "Sample"'),
        ("film.nfo", "cleanup_drop: *.nfo"),
    ]


def test_digests_do_not_depend_on_the_order_of_files_or_on_passwords() -> None:
    one = job("a", "b")

    assert job_digest(one) == job_digest(replace(one, files=one.files[::-1]))
    assert job_digest(one) != job_digest(replace(one, name="Other"))
    assert policy_digest(Policy(passwords=lambda: ("x",))) == policy_digest(Policy())
    assert policy_digest(Policy(chmod_file="0600")) != policy_digest(Policy())


@given(st.dictionaries(st.text(max_size=5), st.just("00"), max_size=4))
def test_manifest_depends_on_content_alone(hashes: dict[str, str]) -> None:
    assert manifest_digest(hashes) == manifest_digest(dict(reversed(hashes.items())))
    assert manifest_digest(hashes) != manifest_digest({**hashes, "one more": "11"})


def facts(policy: Policy | None = None) -> Facts:
    files = located("film.mkv", "film.nfo")
    record = Record(torrent_id=ID, located=files, extracted=[])
    chosen = policy or Policy()
    layout = arrange(job("film.mkv", "film.nfo"), files, {}, [], (), flatten=chosen.flatten)
    wanted, dropped = sift(layout, chosen, evaluate)
    return Facts(
        job("film.mkv", "film.nfo"), chosen, Paths(Path("/library")), Ownership(), record, layout, wanted, dropped
    )


def recorded(known: Facts) -> Record:
    steps = {
        step: StepRecord(value, Outcome.DONE, 0.0)
        for step in StepName
        if (value := step_digest(step, known)) is not None
    }
    return Record(torrent_id=ID, located=known.record.located, extracted=[], steps=steps)


@pytest.mark.parametrize(
    ("changed", "affected"),
    [
        (Policy(), set()),
        (Policy(extract=False), {StepName.EXTRACT}),
        (Policy(cleanup_drop=("*.txt",)), {StepName.CLEANUP}),
        (
            Policy(cleanup_drop=("*.nfo",)),
            {StepName.TRANSFER, StepName.SET_PERMISSIONS, StepName.CLEANUP, StepName.CHECKSUM, StepName.PUBLISH},
        ),
        (Policy(move_mode=MoveMode.COPY), {StepName.TRANSFER}),
        (Policy(on_conflict="rename"), set()),  # type: ignore[arg-type]  # the enum's own text
    ],
)
def test_changed_policy_affects_only_the_steps_that_it_concerns(changed: Policy, affected: set[StepName]) -> None:
    record = recorded(facts())
    now = replace(facts(changed), record=record)

    running = {each.name for each in plan(now) if each.action is Action.RUN}

    assert running - {StepName.VALIDATE_POLICY} == affected


def test_changed_modes_affect_only_permissions() -> None:
    record = recorded(facts())
    now = replace(facts(), record=record, ownership=Ownership(file_mode=0o600))

    assert {each.name for each in plan(now) if each.action is Action.RUN} == {StepName.SET_PERMISSIONS}


def test_failed_step_is_run_again_whatever_its_digest() -> None:
    record = Record(torrent_id=ID, steps={StepName.EXTRACT: StepRecord("x", Outcome.FAILED, 0.0)})

    assert decide(StepName.EXTRACT, "x", record) == (Action.RUN, "it failed")
    assert decide(StepName.EXTRACT, None, record)[0] is Action.DEPENDS


def entry(path: str, stamp: Stamp) -> Entry:
    return Entry(path, Kind.FILE, stamp, 1, 0o644, 1, 0, 0)


def placed(stamp: Stamp = STAMP, *, how: str = "link", private: bool = False) -> Placed:
    return Placed(Origin.SOURCE, "a", stamp, STAMP, 0o644, how, private)


def test_what_is_not_there_any_more_is_forgotten() -> None:
    record = Record(
        torrent_id=ID,
        placed={"a": placed(), "b": placed()},
        hashes={"a": Hashed(STAMP, "00"), "b": Hashed(STAMP, "00")},
        extracted=[Extracted("x", Stamp(7, 7, 7), 0o644)],
        consumed=["x.zip"],
        steps={step: StepRecord("d", Outcome.DONE, 0.0) for step in StepName},
    )

    prune(record, SeenOnDisk(work=False, tree={"a": entry("a", STAMP), "b": entry("b", Stamp(9, 9, 9))}))

    assert set(record.placed) == set(record.hashes) == {"a"}
    assert record.extracted is None
    assert record.consumed == []
    assert set(StepName) - set(record.steps) == {StepName.PREPARE_WORK_DIR, StepName.EXTRACT}


def test_extracted_file_may_lie_in_the_new_tree_already() -> None:
    stamp = Stamp(7, 7, 7)
    record = Record(torrent_id=ID, extracted=[Extracted("x", stamp, 0o644)])

    prune(record, SeenOnDisk(work=True, tree={"somewhere": entry("somewhere", stamp)}))

    assert record.extracted is not None


@pytest.mark.parametrize(
    ("mode", "how", "private", "fallback", "file_mode", "expected"),
    [
        (MoveMode.HARDLINK, "link", False, "copy", None, True),
        (MoveMode.MOVE, "link", False, "copy", None, True),
        (MoveMode.COPY, "link", False, "copy", None, False),
        (MoveMode.HARDLINK, "copy", False, "copy", None, False),
        (MoveMode.HARDLINK, "copy in place of a link", False, "copy", None, True),
        (MoveMode.HARDLINK, "copy in place of a link", False, "fail", None, False),
        (MoveMode.REFLINK, "clone", False, "fail", None, True),
        (MoveMode.REFLINK, "copy in place of a clone", False, "fail", None, False),
        (MoveMode.COPY, "copy", False, "copy", None, True),
        (MoveMode.HARDLINK, "link", True, "copy", None, False),
        (MoveMode.HARDLINK, "link", True, "copy", 0o600, True),
    ],
)
def test_file_is_kept_only_if_the_policy_would_make_it_so(
    mode: MoveMode, how: str, private: bool, fallback: str, file_mode: int | None, expected: bool
) -> None:
    item = arrange(job("a"), [Located("a", STAMP, 0o644, 0, 0)], {}, [], (), flatten=False).items[0]
    policy = Policy(move_mode=mode, link_fallback="fail" if fallback == "fail" else "copy")

    assert acceptable(placed(how=how, private=private), item, policy, Ownership(file_mode)) is expected


def test_record_survives_being_written() -> None:
    record = Record(torrent_id=ID, placed={"a": placed()}, hashes={"a": Hashed(STAMP, "00")}, files=[])

    assert decode(encode(record)) == record


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"torrent_id": 3}', b'{"torrent_id": "x", "version": 2}', b"\xff"]
)
def test_content_that_is_no_record_is_told_apart(content: bytes) -> None:
    with pytest.raises(UnreadableRecord):
        decode(content)
