"""`revaer peers`, `revaer pieces`, `revaer trackers` and `revaer timeline`: close looks at one torrent."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.cli.pieces import CELLS, gaps, picture
from revaer.client import PieceMap
from tests.cli.conftest import Revaer
from tests.support.fake_api import SINCE, Answer, FakeApi, problem
from tests.support.fake_torrents import peer_document, tracker_document

FIRST = "http://one.example/announce"
SECOND = "udp://two.example:80"


def put(api: FakeApi, **looks: Any) -> str:
    """Let the daemon have a torrent that looks like this."""
    torrent_id: str = api.put("One")["id"]
    api.looks[torrent_id] = looks
    return torrent_id


# Peers


def test_peers_are_listed_the_fastest_first(revaer: Revaer, api: FakeApi) -> None:
    slow = peer_document("192.0.2.1", client="slow\x1b[2J", progress=0.25, downloaded_bytes=2048)
    fast = peer_document(
        "2001:db8::1", client="µTorrent", progress=1.0, download_bps=1024, upload_bps=512, flags=["seed", "encrypted"]
    )

    result = revaer("peers", put(api, peers=[slow, fast]))

    assert result.code == 0
    assert result.out == (
        "ADDRESS             CLIENT           HAS       DOWN       UP      GOT  GAVE  FLAGS\n"
        "[2001:db8::1]:6881  µTorrent     100.0 %  1.0 KiB/s  512 B/s      0 B   0 B  seed encrypted\n"
        "192.0.2.1:6881      slow\\x1b[2J   25.0 %          -        -  2.0 KiB   0 B\n"
    )


def test_peers_as_json_are_those_of_the_api(revaer: Revaer, api: FakeApi) -> None:
    peers = [peer_document("192.0.2.1"), peer_document("192.0.2.2", download_bps=9, new_field=1)]

    assert json.loads(revaer("peers", put(api, peers=peers), "--output", "json").out) == {"peers": peers}


def test_no_peers_are_said_beside_the_output(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("peers", put(api))

    assert (result.code, result.out, result.err) == (0, "", "No peers.\n")


# Trackers


def test_trackers_are_listed_with_what_they_said(revaer: Revaer, api: FakeApi) -> None:
    trackers = [
        tracker_document(FIRST, state="working", seeders=12, leechers=0, next_announce=SINCE),
        tracker_document(SECOND, 1, state="failing", last_error="timed out", message="old", fails=3),
    ]

    result = revaer("trackers", put(api, trackers=trackers))

    assert result.out == (
        "TIER  URL                          STATE    SEEDERS  LEECHERS  NEXT                     REASON\n"
        "   0  http://one.example/announce  working       12         0  2024-05-01 10:00:00 UTC\n"
        "   1  udp://two.example:80         failing        -         -  -                        timed out\n"
    )


def test_a_list_of_trackers_may_be_named_or_not(revaer: Revaer, api: FakeApi) -> None:
    torrent = put(api, trackers=[tracker_document(FIRST)])

    named = revaer("trackers", "ls", torrent, "--output", "json")
    bare = revaer("trackers", torrent, "--output", "json")

    assert named.out == bare.out
    assert json.loads(bare.out)["trackers"][0]["url"] == FIRST


def test_trackers_are_added_removed_and_replaced(revaer: Revaer, api: FakeApi) -> None:
    torrent = put(api, trackers=[tracker_document(FIRST)])

    added = json.loads(revaer("trackers", "add", torrent[:-1], SECOND, FIRST, "--output", "json").out)
    removed = json.loads(revaer("trackers", "rm", torrent, FIRST, "--output", "json").out)
    replaced = json.loads(revaer("trackers", "set", torrent, FIRST, SECOND, "--output", "json").out)
    cleared = revaer("trackers", "rm", torrent, "--all")

    assert [[one["url"] for one in shown["trackers"]] for shown in (added, removed, replaced)] == [
        [FIRST, SECOND],
        [SECOND],
        [FIRST, SECOND],
    ]
    assert (cleared.code, cleared.out, cleared.err) == (0, "", "No trackers.\n")
    changes = [(request.method, request.body) for request in api.requests if request.method != "GET"]
    assert changes == [
        ("PATCH", {"add": [SECOND, FIRST]}),
        ("PATCH", {"remove": [FIRST]}),
        ("PATCH", {"replace": [FIRST, SECOND]}),
        ("DELETE", None),
    ]


def test_a_dry_run_shows_which_trackers_would_stay(revaer: Revaer, api: FakeApi) -> None:
    trackers = [tracker_document(FIRST), tracker_document(SECOND), tracker_document("http://node", from_profile=True)]
    torrent = put(api, trackers=trackers)

    one = json.loads(revaer("trackers", "rm", torrent, FIRST, "--dry-run", "--output", "json").out)
    every = json.loads(revaer("trackers", "rm", torrent, "--all", "--dry-run", "--output", "json").out)
    wrong = revaer("trackers", "rm", torrent, "http://node", "--dry-run")

    assert [item["url"] for item in one["trackers"]] == [SECOND, "http://node"]
    assert [item["url"] for item in every["trackers"]] == ["http://node"]
    assert (wrong.code, wrong.err) == (3, "error: the torrent has no such tracker\n  http://node\n")
    assert {request.method for request in api.requests} == {"GET"}


def test_a_tracker_that_is_not_there_is_shown_with_its_pointer(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("trackers", "rm", put(api), FIRST)

    assert result.code == 2
    assert "  /remove/0: is not in the list\n" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ls"], "Missing argument '<ID>'"),
        (["add", "abc"], "Missing argument '<URL>...'"),
        (["set", "abc"], "Missing argument '<URL>...'"),
        (["rm", "abc"], "name the trackers by their URLs, or give --all."),
        (["rm", "abc", FIRST, "--all"], "name the trackers by their URLs, or give --all."),
        (["abc", "def"], "Got unexpected extra argument (def)"),
        (["xyz"], "'xyz' is no torrent id"),
    ],
)
def test_wrong_use_of_trackers_ends_with_two(revaer: Revaer, api: FakeApi, arguments: list[str], words: str) -> None:
    result = revaer("trackers", *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


# Pieces


def piece_map(have: str, **more: Any) -> dict[str, Any]:
    """A map of pieces from a text with a 1 for each that is there."""
    padded = have + "0" * (-len(have) % 8)
    packed = bytes(int(padded[start : start + 8], 2) for start in range(0, len(padded), 8))
    document = {"count": len(have), "piece_length": 16384, "have_count": have.count("1")}
    return document | {"have": base64.b64encode(packed).decode()} | more


def test_pieces_are_drawn_and_the_missing_ones_named(revaer: Revaer, api: FakeApi) -> None:
    known = {"min": 0, "max": 3, "average": 1.5, "missing": 1}

    result = revaer("pieces", put(api, pieces=piece_map("110111000", availability=known)))

    assert result.out == (
        "Pieces     5 of 9 (55.5 %), 16.0 KiB each\n"
        "Map        ██·███···\n"
        "Missing    2, 6-8\n"
        "Available  at least 0, 1.50 on average, at most 3; 1 with nobody\n"
    )


def test_a_complete_torrent_misses_nothing(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("pieces", put(api, pieces=piece_map("1" * 8)))

    assert result.out == "Pieces     8 of 8 (100.0 %), 16.0 KiB each\nMap        ████████\n"


def test_many_pieces_share_cells_and_many_gaps_are_counted(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("pieces", put(api, pieces=piece_map("10" * 128)))

    _pieces, drawn, missing = result.out.splitlines()
    assert drawn == f"Map        {'▒' * 64}"
    assert missing.endswith(", 37, 39 and 108 more runs")


def test_pieces_as_json_are_those_of_the_api(revaer: Revaer, api: FakeApi) -> None:
    document = piece_map("101")

    assert json.loads(revaer("pieces", put(api, pieces=document), "--output", "json").out) == document


def test_pieces_before_the_metadata_are_not_known(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("pieces", put(api))

    assert (result.code, result.out) == (0, "")
    assert result.err == "The pieces are not known yet: the metadata has not come.\n"


@given(st.text("01", min_size=1, max_size=300))
def test_the_gaps_are_exactly_the_missing_pieces(have: str) -> None:
    found = PieceMap.read(piece_map(have))

    missing = {piece for first, last in gaps(found) for piece in range(first, last + 1)}

    assert missing == {piece for piece, bit in enumerate(have) if bit == "0"}
    assert len(picture(found)) == min(CELLS, len(have))
    assert ("█" in picture(found) or "▒" in picture(found)) == ("1" in have)


# The timeline


def envelope(number: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": f"1-{number}", "timestamp": SINCE, "event": {"type": kind, "torrent_id": "x", **fields}}


def test_a_timeline_is_told_with_days(revaer: Revaer, api: FakeApi) -> None:
    state = {"kind": "seeding", "since": SINCE}
    events = [
        envelope(1, "torrent_added", torrent={"name": "One"}),
        envelope(2, "state_changed", previous="downloading", state=state),
    ]

    result = revaer("timeline", put(api, timeline=events))

    assert result.out == (
        "2024-05-01 10:00:00 UTC  torrent_added         One\n"
        "2024-05-01 10:00:00 UTC  state_changed         downloading → seeding\n"
    )


def test_every_page_of_a_timeline_is_one_document(revaer: Revaer, api: FakeApi) -> None:
    torrent = put(api)
    pages = [{"events": [envelope(1, "a")], "next": "c1"}, {"events": [envelope(2, "b")]}]
    api.next_answers += [Answer(200, page) for page in pages]

    result = revaer("timeline", torrent, "--all", "--output", "json")

    assert [event["id"] for event in json.loads(result.out)["events"]] == ["1-1", "1-2"]
    assert [request.params for request in api.requests] == [{"limit": "1000"}, {"limit": "1000", "cursor": "c1"}]


def test_gaps_of_a_timeline_are_told_in_their_place_in_time(revaer: Revaer, api: FakeApi) -> None:
    torrent = put(api)
    kept, cut = {"last": "1-1", "reason": "nothing\x1b is kept"}, {"first": "1-3", "reason": "the daemon was cut off"}
    pages = [
        {"events": [envelope(2, "a")], "gaps": [kept, cut], "next": "c1"},
        {"events": [envelope(3, "b"), envelope(4, "c")], "gaps": [cut, {"first": "1-5", "reason": "refused"}]},
    ]
    api.next_answers += [Answer(200, page) for page in pages * 2]

    assert [line.split(maxsplit=1)[1] for line in revaer("timeline", torrent, "--all").out.splitlines()] == [
        "gap                   events may be missing: nothing\\x1b is kept",
        "10:00:00 UTC  a",
        "10:00:00 UTC  b",
        "gap                   events may be missing: the daemon was cut off",
        "10:00:00 UTC  c",
        "gap                   events may be missing: refused",
    ]
    document = json.loads(revaer("timeline", torrent, "--all", "--output", "json").out)
    assert [gap["reason"] for gap in document["gaps"]] == ["nothing\x1b is kept", "the daemon was cut off", "refused"]


def test_one_page_of_a_timeline_says_how_to_see_more(revaer: Revaer, api: FakeApi) -> None:
    torrent = put(api)
    api.next_answers.append(Answer(200, {"events": [envelope(1, "a")], "next": "c1"}))

    result = revaer("timeline", torrent, "--limit", "1")

    assert result.err == "There are more: --all, or --cursor c1\n"
    assert revaer("timeline", torrent).err == "No events.\n"
    assert revaer("timeline", torrent, "--all", "--cursor", "c1").code == 2


# What they have in common


@pytest.mark.parametrize("command", ["peers", "pieces", "trackers", "timeline"])
def test_an_unknown_torrent_ends_with_three(revaer: Revaer, command: str) -> None:
    result = revaer(command, "a" * 40)

    assert (result.code, result.out) == (3, "")
    assert "request id: req-404" in result.err


@pytest.mark.parametrize("command", ["peers", "pieces", "trackers", "timeline"])
@pytest.mark.parametrize("answer", [Answer(200, {}), Answer(200, {"peers": [1], "trackers": [{}], "events": 5})])
def test_an_answer_that_makes_no_sense_ends_with_three(
    revaer: Revaer, api: FakeApi, command: str, answer: Answer
) -> None:
    api.next_answers.append(answer)

    result = revaer(command, "a" * 40)

    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("error: the answer makes no sense\n")


@pytest.mark.parametrize("command", ["peers", "pieces", "trackers", "timeline"])
def test_an_engine_that_is_away_ends_with_three(revaer: Revaer, api: FakeApi, command: str) -> None:
    api.next_answers.append(problem(503, "Not available now", "restarting", instance="req-1"))

    assert revaer(command, "a" * 40).code == 3
