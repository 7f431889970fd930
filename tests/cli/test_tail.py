"""`revaer tail`: what is written, and what is remembered."""

import io
import json
import sys
from pathlib import Path

import pytest

from revaer.cli.bookmark import Bookmark
from revaer.cli.failures import Failure, WrongRequest
from tests.cli.conftest import Revaer
from tests.support.fake_api import FakeApi, event_frame, frame, problem, progress_frame
from tests.support.fake_sockets import Close, Steps, event

REVOKED = problem(401, "A valid API key is needed", "the key was revoked")
"""What ends a tail that would go on for ever."""


def test_each_kind_of_event_in_its_line(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")
    whole = torrent["id"]
    failed = {"kind": "failed", "since": "x", "message": "disk full"}
    api.streams.append(
        [
            event_frame("1-1", "torrent_added", torrent_id=torrent["id"], torrent={"name": "My\x1bfilm"}),
            event_frame("1-2", "state_changed", torrent_id=torrent["id"], previous="queued", state=failed),
            progress_frame("1-3", torrent, 42.0, bps=2048),
            event_frame("1-4", "completed", torrent_id=torrent["id"], content_path="/d/One"),
            event_frame("1-5", "health_changed", component="database", previous="up", state="down", reason="away"),
            event_frame("1-6", "kind_of_tomorrow", answer=42, list=[1, 2]),
            event_frame(
                "1-7",
                "metadata_updated",
                torrent_id=torrent["id"],
                changed=["name", "tags"],
                torrent={"name": "Two", "tags": ["a"], "category": "not told"},
            ),
            event_frame(
                "1-8",
                "files_discovered",
                torrent_id=torrent["id"],
                files=3,
                selected=2,
                bytes_total=2048,
                bytes_selected=1024,
            ),
            event_frame("1-9", "authoring_progress", name="film", state="hashing", bytes_done=1, bytes_total=2),
            event_frame("1-10", "authoring_progress", name="film", state="failed", message="the disk is away"),
        ]
    )

    result = revaer("tail", "--count", "10")

    assert result.code == 0
    assert result.out == (
        f"10:00:00  torrent_added         {whole}  My\\x1bfilm\n"
        f"10:00:00  state_changed         {whole}  queued → failed: disk full\n"
        f"10:00:00  progress              {whole}   42.0 %  420 B of 1000 B  2.0 KiB/s\n"
        f"10:00:00  completed             {whole}  content_path=/d/One\n"
        "10:00:00  health_changed        database: up → down (away)\n"
        "10:00:00  kind_of_tomorrow      answer=42 list=[1, 2]\n"
        f'10:00:00  metadata_updated      {whole}  name=Two tags=["a"]\n'
        f"10:00:00  files_discovered      {whole}  2 of 3 files selected, 1.0 KiB of 2.0 KiB\n"
        "10:00:00  authoring_progress    film: hashing  1 B of 2 B\n"
        "10:00:00  authoring_progress    film: failed (the disk is away)\n"
    )


def test_an_event_with_other_fields_than_usual_is_told_all_the_same(revaer: Revaer, api: FakeApi) -> None:
    """A newer daemon may say it differently."""
    api.streams.append(
        [event_frame("1-1", kind, colour="red") for kind in ("metadata_updated", "files_discovered", "torrent_added")]
    )

    result = revaer("tail", "--count", "3")

    assert [line.split()[-1] for line in result.out.splitlines()] == ["colour=red"] * 3


def test_json_output_is_one_envelope_per_line(revaer: Revaer, api: FakeApi) -> None:
    api.streams.append([event_frame("1-1", "completed", content_path="/ü"), event_frame("1-2", "completed")])

    result = revaer("tail", "--count", "2", "--output", "json")

    assert [json.loads(line)["id"] for line in result.out.splitlines()] == ["1-1", "1-2"]
    assert "/ü" in result.out


def test_the_filter_reaches_the_api_with_whole_ids(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")
    api.streams.append([event_frame("1-1", "completed")])

    revaer(
        *["tail", "--count", "1", "--torrent", torrent["info_hash"][:5], "--event", "completed,progress"],
        *["--state", "seeding", "--category", "c", "--tag", "t"],
    )

    assert api.asked("GET", "/v1/events")[0].params == {
        "torrent": torrent["id"],
        "event": "completed,progress",
        "state": "seeding",
        "category": "c",
        "tags": "t",
    }


def test_a_cut_is_told_beside_the_output_and_nothing_is_repeated(revaer: Revaer, api: FakeApi) -> None:
    api.streams += [
        [event_frame("1-1", "completed"), event_frame("1-2", "completed")],
        [event_frame("1-2", "completed"), event_frame("1-3", "completed")],
    ]

    result = revaer("tail", "--count", "3", "--output", "json")

    assert [json.loads(line)["id"] for line in result.out.splitlines()] == ["1-1", "1-2", "1-3"]
    assert result.err.splitlines()[0].startswith("the daemon ended the stream; connecting again in 0.")
    assert result.err.splitlines()[1] == "connected again"


def test_gaps_are_told_to_people_beside_the_output(revaer: Revaer, api: FakeApi) -> None:
    gaps = [frame(None, "reset", {"reason": "too old"}), frame(None, "lagged", {"count": 3})]
    api.streams.append([*gaps, event_frame("1-9", "completed")])

    result = revaer("tail", "--count", "1", "--since", "1-1")

    assert len(result.out.splitlines()) == 1
    assert result.err == "events were missed: too old\n3 events were missed: too slow\n"


def test_gaps_are_told_to_programs_among_the_events(revaer: Revaer, api: FakeApi) -> None:
    gaps = [frame(None, "reset", {"reason": "too old"}), frame(None, "lagged", {"count": 3})]
    api.streams.append([*gaps, event_frame("1-9", "completed")])

    result = revaer("tail", "--count", "1", "--output", "json")

    assert [json.loads(line)["event"] for line in result.out.splitlines()[:2]] == [
        {"type": "reset", "reason": "too old"},
        {"type": "lagged", "count": 3},
    ]


# The resume file


def test_the_resume_file_remembers_and_is_used(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    api.streams += [
        [event_frame("1-1", "completed"), event_frame("1-2", "completed")],
        [event_frame("1-3", "completed")],
    ]

    revaer("tail", "--count", "2", "--resume-file", "place")
    assert (tmp_path / "place").read_text() == "1-2\n"
    revaer("tail", "--count", "1", "--resume-file", "place")

    assert (tmp_path / "place").read_text() == "1-3\n"
    assert [request.headers.get("last-event-id") for request in api.requests] == [None, "1-2"]
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_an_event_is_remembered_when_the_tail_ends_badly(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    api.streams += [[event_frame("1-1", "completed")], [REVOKED]]

    result = revaer("tail", "--resume-file", "place")

    assert result.code == 3
    assert (tmp_path / "place").read_text() == "1-1\n"


class NarrowPipe(io.StringIO):
    """A pipe whose reader goes away after some lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines

    def write(self, text: str) -> int:
        if self.getvalue().count("\n") >= self._lines:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("how", [[], ["--ws"]])
@pytest.mark.parametrize(("lines", "place"), [(2, "1-2"), (0, "1-0")])
def test_an_event_that_nobody_read_is_not_remembered(
    revaer: Revaer,
    api: FakeApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: list[str],
    lines: int,
    place: str,
) -> None:
    """The next tail begins with it, also when it was the first."""
    names = ["1-1", "1-2", "1-3"]
    api.streams.append([b"id: 1-0\n\n", *(event_frame(name, "completed") for name in names), api.HOLD])
    api.sockets.append([{"op": "pong", "id": "1-0"}, *(event(name, "completed") for name in names)])
    monkeypatch.setattr(sys, "stdout", NarrowPipe(lines))
    monkeypatch.setattr("revaer.cli.main._silence_stdout", lambda: None)  # the descriptor is the test runner's
    revaer("tail", "--resume-file", "place", "--output", "json", *how)

    assert (tmp_path / "place").read_text() == f"{place}\n"


def test_an_empty_resume_file_starts_now(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "place").touch()
    api.streams.append([event_frame("1-1", "completed")])

    assert revaer("tail", "--count", "1", "--resume-file", "place").code == 0
    assert "last-event-id" not in api.requests[0].headers


def test_another_file_is_not_taken_for_a_resume_file(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear diary")

    result = revaer("tail", "--resume-file", "notes.txt")

    assert result.code == 2
    assert "holds 'Dear diary' instead of an event id" in result.err
    assert api.requests == []
    assert (tmp_path / "notes.txt").read_text() == "Dear diary"


def test_a_resume_file_that_cannot_be_written_ends_with_three_at_once(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("tail", "--resume-file", "missing/place")

    assert result.code == 3
    assert "the resume file cannot be written" in result.err
    assert api.requests == []


def test_a_resume_file_that_cannot_be_written_any_more_ends_with_three(
    revaer: Revaer, api: FakeApi, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    api.streams.append([(tmp_path / "folder").rmdir, event_frame("1-1", "completed"), api.HOLD])

    result = revaer("tail", "--resume-file", "folder/place")

    assert result.code == 3
    assert "the resume file cannot be written" in result.err


def test_a_position_is_remembered_also_without_an_event(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    """The next tail must not begin at its own now: what came between would be missed."""
    api.streams += [[b"id: 1-7\n\n"], [REVOKED]]

    assert revaer("tail", "--resume-file", "place").code == 3
    assert (tmp_path / "place").read_text() == "1-7\n"


@pytest.mark.parametrize("how", [[], ["--ws"]])
@pytest.mark.parametrize("since", ["", "1", "x-y", "1-2-3", "garbage"])
def test_a_start_that_is_no_event_ends_with_two(revaer: Revaer, api: FakeApi, how: list[str], since: str) -> None:
    result = revaer("tail", "--since", since, *how)

    assert result.code == 2
    assert "is no id of an event, such as 3-1042" in result.err
    assert api.requests == []


def test_a_bookmark_replaces_its_file_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "place"
    bookmark = Bookmark(place)
    bookmark.move("1-1")
    first = place.stat().st_ino

    bookmark.move("1-2")

    assert place.stat().st_ino != first
    assert bookmark.read() == "1-2"


def test_a_bookmark_that_never_moved_leaves_no_file(tmp_path: Path) -> None:
    Bookmark(tmp_path / "place").keep()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"1", b"1-2-3", b"x-y", b"\xff\xfe", b"-", "1-٣".encode()])
def test_a_bookmark_reads_nothing_but_ids(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "place").write_bytes(content)

    with pytest.raises((Failure, WrongRequest)):
        Bookmark(tmp_path / "place").read()


# Refusals


def test_a_wrong_filter_ends_with_two(revaer: Revaer, api: FakeApi) -> None:
    api.streams.append([problem(400, "The request cannot be understood", "no event kind `x`")])

    result = revaer("tail", "--event", "x")

    assert result.code == 2
    assert "no event kind `x`" in result.err


def test_two_starts_are_one_too_many(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("tail", "--since", "1-1", "--resume-file", "place")

    assert result.code == 2
    assert "--since and --resume-file both say where to start" in result.err
    assert api.requests == []


def test_a_revoked_key_ends_a_tail_with_three(revaer: Revaer, api: FakeApi) -> None:
    api.streams += [[event_frame("1-1", "completed")], [REVOKED]]

    result = revaer("tail")

    assert result.code == 3
    assert "the key was revoked" in result.err


# By WebSocket


def test_a_socket_brings_the_same_lines(revaer: Revaer, api: FakeApi) -> None:
    api.sockets.append([event("1-1", "completed", content_path="/a"), event("1-2", "completed", content_path="/b")])

    result = revaer("tail", "--ws", "--count", "2")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "10:00:00  completed             content_path=/a\n10:00:00  completed             content_path=/b\n"
    )


def test_a_socket_brings_the_same_documents(revaer: Revaer, api: FakeApi) -> None:
    api.sockets.append([event("1-1", "completed", content_path="/a")])

    result = revaer("tail", "--ws", "--count", "1", "--output", "json")

    assert json.loads(result.out) == {
        "id": "1-1",
        "timestamp": "2024-05-01T10:00:00Z",
        "event": {"type": "completed", "content_path": "/a"},
    }


def test_a_socket_takes_filter_and_start_and_carries_key_and_request_id(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")
    api.sockets.append([event("1-9", "completed")])

    revaer(
        "tail", "--ws", "--count", "1", "--torrent", torrent["info_hash"][:5], "--event", "completed", "--since", "1-8"
    )

    assert api.said[0] == {
        "op": "subscribe",
        "filter": {"torrent": [torrent["id"]], "event": ["completed"]},
        "snapshot": False,
        "since": "1-8",
    }
    listed, opened = api.requests
    assert opened.headers["x-request-id"] == listed.headers["x-request-id"]
    assert opened.headers["x-revaer-api-key"] == listed.headers["x-revaer-api-key"]


def test_a_cut_socket_goes_on_where_it_broke_off(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    first: Steps = [event("1-1", "completed"), event("1-2", "completed"), Close(1001, "the daemon is stopping")]
    api.sockets += [first, [event("1-2", "completed"), event("1-3", "completed")]]

    result = revaer("tail", "--ws", "--count", "3", "--output", "json", "--resume-file", "place")

    assert [json.loads(line)["id"] for line in result.out.splitlines()] == ["1-1", "1-2", "1-3"]
    assert [said.get("since") for said in api.said if said["op"] == "subscribe"] == [None, "1-2"]
    assert result.err.splitlines()[0].startswith("the daemon is stopping; connecting again in 0.")
    assert result.err.splitlines()[1] == "connected again"
    assert (tmp_path / "place").read_text() == "1-3\n"


def test_gaps_of_a_socket_are_told_to_programs_among_the_events(revaer: Revaer, api: FakeApi) -> None:
    reset = {"op": "reset", "reason": "too old", "id": "1-8"}
    api.sockets.append([reset, {"op": "lagged", "count": 3}, event("1-9", "completed")])

    result = revaer("tail", "--ws", "--count", "1", "--output", "json")

    assert [json.loads(line)["event"]["type"] for line in result.out.splitlines()] == ["reset", "lagged", "completed"]


def test_a_refused_subscription_ends_with_two(revaer: Revaer, api: FakeApi) -> None:
    refusal = problem(400, "The request cannot be understood", "no event kind `x`", instance="req-1")
    api.sockets.append([{"op": "error", "problem": refusal.body}])

    result = revaer("tail", "--ws", "--event", "x")

    assert result.code == 2
    assert result.err.endswith("no event kind `x`\n  request id: req-1\n")


def test_a_refused_socket_ends_with_three(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(REVOKED)

    result = revaer("tail", "--ws")

    assert result.code == 3
    assert "the key was revoked" in result.err
