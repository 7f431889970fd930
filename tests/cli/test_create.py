"""`revaer create`: what is sent, where the file goes, and what is refused before anything is hashed."""

import base64
import io
import json
import stat
from pathlib import Path

import pytest
import trio
from rich.console import Console

from revaer.cli.create import show_progress
from revaer.client import Client
from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, KEY, Answer, FakeApi, frame, problem
from tests.support.waiting import eventually


def metainfo(root: str) -> bytes:
    """What the fake makes of a path."""
    return b"d4:infod4:name" + root.encode() + b"ee"


def test_a_torrent_is_made_and_kept_beside_you(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    result = revaer("create", "/srv/library/film")

    place = tmp_path / "film.torrent"
    assert result.code == 0
    assert result.out.startswith("made film.torrent  ")
    assert place.read_bytes() == metainfo("/srv/library/film")
    assert stat.S_IMODE(place.stat().st_mode) == 0o644
    assert api.asked("POST", "/v1/torrents/create")[0].body == {"root_path": "/srv/library/film"}


def test_every_option_reaches_the_api_under_its_name(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    options = (
        "--tracker http://a --tracker http://b --web-seed http://w --include *.mkv --exclude *.txt --skip-fluff"
        " --piece-length 256K --private --comment C --source S --format hybrid --to out.torrent"
        " --creation-date 2026-01-31T12:00:00Z"
    )

    assert revaer("create", "album", *options.split()).code == 0

    assert api.asked("POST", "/v1/torrents/create")[0].body == {
        "root_path": str(tmp_path / "album"),
        "trackers": ["http://a", "http://b"],
        "web_seeds": ["http://w"],
        "include": ["*.mkv"],
        "exclude": ["*.txt"],
        "skip_fluff": True,
        "piece_length": 262_144,
        "private": True,
        "comment": "C",
        "source": "S",
        "format": "hybrid",
        "creation_date": "2026-01-31T12:00:00Z",
    }


def test_the_file_may_go_to_standard_output(revaer: Revaer, tmp_path: Path) -> None:
    raw = revaer("create", "/x", "--to", "-")
    document = json.loads(revaer("create", "/x", "--to", "-", "--output", "json").out)

    assert (raw.out.encode(), raw.err) == (metainfo("/x"), "")
    assert base64.b64decode(document["metainfo"]) == metainfo("/x")
    assert list(tmp_path.iterdir()) == []


def test_json_tells_where_the_file_is(revaer: Revaer) -> None:
    document = json.loads(revaer("create", "/x", "--output", "json").out)

    assert document["file"] == "x.torrent"
    assert set(document) == {"file", "info_hash", "magnet"}


def hashing(event_id: str, done: int, total: int, request_id: str) -> bytes:
    """The frame of how far some hashing is."""
    event = {"type": "authoring_progress", "bytes_done": done, "bytes_total": total}
    return frame(event_id, "authoring_progress", {"id": event_id, "request_id": request_id, "event": event})


async def test_the_progress_of_this_very_call_is_shown(nursery: trio.Nursery) -> None:
    api, page = FakeApi(), io.StringIO()
    await nursery.start(api.serve)
    api.streams.append(
        [
            hashing("1-1", 0, 4096, "mine"),
            hashing("1-2", 9, 9, "another's"),
            hashing("1-3", 1024, 4096, "mine"),
            api.HOLD,
        ]
    )

    async with Client(api.url, KEY) as client:
        nursery.start_soon(show_progress, client, "mine", Console(file=page, width=80), trio.Event())
        await eventually(lambda: len(page.getvalue().splitlines()) == 2, page.getvalue)
        nursery.cancel_scope.cancel()

    assert page.getvalue() == ("hashing        0.0 %  0 B of 4.0 KiB\nhashing       25.0 %  1.0 KiB of 4.0 KiB\n")
    assert api.requests[0].params == {"event": "authoring_progress"}


def test_the_stream_is_open_before_the_hashing_begins(revaer: Revaer, api: FakeApi) -> None:
    revaer("create", "/x")

    assert [request.path for request in api.requests] == ["/v1/events", "/v1/torrents/create"]


def test_a_daemon_that_shows_no_events_makes_it_all_the_same(revaer: Revaer, api: FakeApi) -> None:
    api.streams.append([problem(403, "Not allowed")])

    assert revaer("create", "/x").code == 0


# What is refused


def test_a_file_that_is_there_is_not_replaced_without_a_word(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "x.torrent").write_bytes(b"mine")

    refused = revaer("create", "/x")

    assert refused.code == 2
    assert refused.err.startswith("error: x.torrent is there already\n  Give --force to replace it")
    assert (tmp_path / "x.torrent").read_bytes() == b"mine"
    assert api.requests == []
    assert revaer("create", "/x", "--force").code == 0
    assert (tmp_path / "x.torrent").read_bytes() == metainfo("/x")


def test_a_place_where_nothing_can_be_written_is_found_out_before_the_hashing(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("create", "/x", "--to", "missing/x.torrent")

    assert result.code == 3
    assert "is not there or not writable" in result.err
    assert api.requests == []


def test_a_directory_is_no_place_for_a_file(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "x.torrent").mkdir()

    assert revaer("create", "/x", "--force").code == 2
    assert api.requests == []


def test_a_terminal_gets_no_torrent(
    revaer: Revaer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    result = revaer("create", "/x", "--to", "-")

    assert result.code == 2
    assert "a .torrent is not for a terminal" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument '<PATH>'"),
        (["/x", "--format", "v3"], "'v3' is not one of"),
        (["/x", "--piece-length", "big"], "'big' is no size"),
        (["/x", "/y"], "unexpected extra argument"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeApi, arguments: list[str], words: str
) -> None:
    result = revaer("create", *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_a_refusal_of_the_daemon_leaves_no_file(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    params = [{"pointer": "/root_path", "message": "lies outside of allow_paths"}]
    refusal = problem(422, "Some values cannot be accepted", "no", instance="r", invalid_params=params)
    api.next_answers.append(refusal)

    result = revaer("create", "/x")

    assert (result.code, result.out) == (2, "")
    assert "  /root_path: lies outside of allow_paths\n" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [CUT, Answer(201, {"metainfo": "***", "info_hash": "a"}), Answer(201, {})])
def test_an_answer_that_is_none_leaves_no_file(revaer: Revaer, api: FakeApi, tmp_path: Path, answer: Answer) -> None:
    api.next_answers.append(answer)

    result = revaer("create", "/x")

    assert result.code == 3
    assert list(tmp_path.iterdir()) == []
