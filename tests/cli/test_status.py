"""`revaer status`."""

import json

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import After, FakeApi, event_frame, file_document, frame, progress_frame

MIB = 1024 * 1024
SINCE = "2024-05-01T10:00:00Z"


def half(**more: object) -> dict[str, object]:
    return {"bytes_downloaded": 50 * MIB, "bytes_total": 100 * MIB, "percent_complete": 50.0, **more}


def test_the_facts_of_a_torrent(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put(
        "Placeholder",
        progress=half(eta_seconds=9),
        rates={"download_bps": MIB, "upload_bps": 1024, "ratio": 0.5},
        tags=["a", "b"],
        category="films",
        files=[file_document(0, "a", 1), file_document(1, "b", 1, selected=False)],
    )

    result = revaer("status", torrent["id"])

    assert result.out == (
        "Name       Placeholder\n"
        f"Id         {torrent['id']}\n"
        f"Info-hash  {torrent['info_hash']}\n"
        "State      downloading\n"
        "Progress   50.0 %, 50.0 MiB of 100.0 MiB, down 1.0 MiB/s, up 1.0 KiB/s, ETA 9 s\n"
        "Ratio      0.50\n"
        "Files      1 of 2 selected\n"
        "Directory  /srv/downloads\n"
        "Category   films\n"
        "Tags       a, b\n"
        "Added      2024-05-01 10:00:00 UTC\n"
    )


def test_a_failed_torrent_shows_its_message(revaer: Revaer, api: FakeApi) -> None:
    state = {"kind": "failed", "since": SINCE, "message": "the disk is full; free 3 GiB, then resume"}

    result = revaer("status", api.put("One", state=state)["id"])

    assert result.code == 0
    assert "Message    the disk is full; free 3 GiB, then resume\n" in result.out


def test_a_magnet_before_its_metadata(revaer: Revaer, api: FakeApi) -> None:
    progress = {"bytes_downloaded": 0, "bytes_total": 0, "percent_complete": 0.0}

    result = revaer("status", api.put("One", progress=progress)["id"])

    assert "Progress   not known yet\n" in result.out
    assert "Files      not known yet\n" in result.out


def test_json_output_is_the_document_of_the_api(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    document = json.loads(revaer("status", torrent["id"], "--output", "json").out)

    assert document["id"] == torrent["id"]
    assert document["files"] == []


def test_a_unique_prefix_is_enough(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    assert torrent["id"] in revaer("status", torrent["info_hash"][:5]).out


# Ids that lead nowhere


def test_an_unknown_id_ends_with_three(revaer: Revaer) -> None:
    result = revaer("status", "a" * 40)

    assert result.code == 3
    assert result.err.splitlines() == ["error: Not found", f"  no torrent {'a' * 40}", "  request id: req-404"]


def test_an_unknown_prefix_ends_with_three(revaer: Revaer) -> None:
    result = revaer("status", "abc")

    assert result.code == 3
    assert result.err == "error: no torrent's id or info-hash begins with 'abc'\n  `revaer ls` shows what is there.\n"


def test_an_ambiguous_prefix_ends_with_two_and_names_the_candidates(revaer: Revaer, api: FakeApi) -> None:
    torrents = [api.put(f"torrent {number}") for number in range(12)]

    result = revaer("status", torrents[0]["id"][:8])

    lines = result.err.splitlines()
    assert result.code == 2
    assert lines[0] == f"error: '{torrents[0]['id'][:8]}' fits 12 torrents"
    assert lines[1] == f"  {torrents[0]['id']}  torrent 0"
    assert lines[-1] == "  … and 2 more"


@pytest.mark.parametrize("key", ["", "film", "../etc"])
def test_what_cannot_be_an_id_ends_with_two(revaer: Revaer, api: FakeApi, key: str) -> None:
    result = revaer("status", key)

    assert result.code == 2
    assert "is no torrent id, no info-hash and no beginning of one" in result.err
    assert api.requests == []


# Following


def test_follow_ends_when_the_torrent_is_complete(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("Placeholder", progress=half())

    def complete() -> None:
        torrent["progress"] = half(bytes_downloaded=100 * MIB, percent_complete=100.0)
        torrent["state"] = {"kind": "seeding", "since": SINCE}

    api.streams.append(
        [
            After(3),
            progress_frame("1-1", torrent, 55.0, bps=MIB),
            progress_frame("1-2", torrent, 71.0, bps=MIB),
            complete,
            event_frame("1-3", "completed", torrent_id=torrent["id"]),
            api.HOLD,
        ]
    )

    result = revaer("status", torrent["id"], "--follow")

    assert result.code == 0
    assert result.out == (
        "Placeholder\n"
        "downloading   50.0 %  50.0 MiB of 100.0 MiB\n"
        "downloading   71.0 %  71.0 MiB of 100.0 MiB  1.0 MiB/s\n"
        "seeding      100.0 %  100.0 MiB of 100.0 MiB\n"
    )
    assert api.asked("GET", "/v1/events")[0].params == {"torrent": torrent["id"]}


def test_follow_of_a_complete_torrent_ends_at_once(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One", state={"kind": "completed", "since": SINCE})

    assert revaer("status", torrent["id"], "-f").code == 0


def test_follow_as_json_is_a_document_per_line(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One", state={"kind": "seeding", "since": SINCE})

    (line,) = revaer("status", torrent["id"], "--follow", "--output", "json").out.splitlines()

    assert json.loads(line)["state"] == "seeding"


def test_follow_of_a_failing_torrent_ends_with_three(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    def fail() -> None:
        torrent["state"] = {"kind": "failed", "since": SINCE, "message": "the disk is full"}

    api.streams.append([After(3), fail, event_frame("1-1", "state_changed", torrent_id=torrent["id"]), api.HOLD])

    result = revaer("status", torrent["id"], "--follow")

    assert result.code == 3
    assert result.err == "error: the torrent failed\n  the disk is full\n"


def test_follow_of_a_removed_torrent_ends_with_three(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")
    api.streams.append([After(3), event_frame("1-1", "torrent_removed", torrent_id=torrent["id"]), api.HOLD])

    result = revaer("status", torrent["id"], "--follow")

    assert result.code == 3
    assert result.err == "error: the torrent was removed\n  One\n"


def test_follow_survives_a_cut_and_says_so(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One")

    def complete() -> None:
        torrent["state"] = {"kind": "seeding", "since": SINCE}

    api.streams += [
        [progress_frame("1-1", torrent, 5.0), frame(None, "closing", {"reason": "the daemon is stopping"})],
        [complete, event_frame("1-2", "completed", torrent_id=torrent["id"]), api.HOLD],
    ]

    result = revaer("status", torrent["id"], "--follow")

    assert result.code == 0
    assert "the daemon is stopping; connecting again in 0." in result.err
