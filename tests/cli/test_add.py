"""`revaer add`."""

import base64
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, FakeApi, problem

MAGNET = "magnet:?xt=urn:btih:0123456789012345678901234567890123456789"
OTHER = "magnet:?xt=urn:btih:abcdef0123012345678901234567890123456789"
TORRENT = b"d4:infod4:name1:aee"


def test_a_magnet_is_added(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("add", MAGNET, "--name", "My film")

    torrent_id = next(iter(api.torrents))
    assert (result.code, result.out, result.err) == (0, f"added {torrent_id}  My film\n", "")


def test_a_file_is_added(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "one.torrent").write_bytes(TORRENT)

    assert revaer("add", "one.torrent").code == 0
    assert base64.b64decode(api.requests[0].body["metainfo"]) == TORRENT


def test_standard_input_may_be_a_torrent(revaer: Revaer, api: FakeApi) -> None:
    assert revaer("add", "-", stdin=TORRENT).code == 0
    assert base64.b64decode(api.requests[0].body["metainfo"]) == TORRENT


def test_standard_input_may_be_magnets_line_by_line(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("add", "-", stdin=f"{MAGNET}\n\n  {OTHER}\r\n".encode())

    assert result.code == 0
    assert [request.body["magnet"] for request in api.requests] == [MAGNET, OTHER]


def test_every_option_reaches_the_api_under_its_name(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    options = (
        "--id 0190f0b0-0000-7000-8000-000000000000 --name N --comment C --download-dir dl --storage-mode allocate"
        " --sequential --start-paused --seed-mode --super-seeding --tag a,b --tag c --category films --tracker http://t"
        " --replace-trackers --web-seed http://w --include *.mkv --exclude *.txt --skip-fluff --priority 3=high"
        " --priority 4=skip --max-download-bps 2M --max-upload-bps 500K --max-connections 9 --seed-ratio-limit 1.5"
        " --seed-time-limit 60 --auto-managed --queue-position 2 --no-pex --no-process"
    )

    result = revaer("add", MAGNET, *options.split())

    assert result.code == 0
    assert api.requests[0].body == {
        "magnet": MAGNET,
        "id": "0190f0b0-0000-7000-8000-000000000000",
        "name": "N",
        "comment": "C",
        "download_dir": str(tmp_path / "dl"),
        "storage_mode": "allocate",
        "sequential": True,
        "start_paused": True,
        "seed_mode": True,
        "super_seeding": True,
        "tags": ["a", "b", "c"],
        "category": "films",
        "trackers": ["http://t"],
        "replace_trackers": True,
        "web_seeds": ["http://w"],
        "include": ["*.mkv"],
        "exclude": ["*.txt"],
        "skip_fluff": True,
        "priorities": {"3": "high", "4": "skip"},
        "max_download_bps": 2 * 1024**2,
        "max_upload_bps": 500 * 1024,
        "max_connections": 9,
        "seed_ratio_limit": 1.5,
        "seed_time_limit": 60,
        "auto_managed": True,
        "queue_position": 2,
        "pex_enabled": False,
        "process": False,
    }


def test_what_is_not_said_is_not_sent(revaer: Revaer, api: FakeApi) -> None:
    revaer("add", MAGNET)

    assert api.requests[0].body == {"magnet": MAGNET}


def test_json_output_is_the_document_of_the_api(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("add", MAGNET, "--output", "json")

    assert json.loads(result.out) == next(iter(api.torrents.values()))


def test_json_output_of_several_is_one_document(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("add", MAGNET, OTHER, "--output", "json")

    assert json.loads(result.out) == {"torrents": list(api.torrents.values())}


def test_the_old_name_still_works(revaer: Revaer, api: FakeApi) -> None:
    assert revaer("torrent", "add", MAGNET).code == 0
    assert len(api.torrents) == 1


# Refusals by the daemon


def test_a_known_torrent_ends_with_two_and_names_the_other(revaer: Revaer, api: FakeApi) -> None:
    revaer("add", MAGNET)

    result = revaer("add", MAGNET)

    known = next(iter(api.torrents))
    assert result.code == 2
    assert result.out == ""
    assert result.err.splitlines()[0] == "error: Conflict"
    assert known in result.err
    assert "request id: req-409" in result.err


def test_one_refused_source_does_not_keep_the_others_out(revaer: Revaer, api: FakeApi) -> None:
    revaer("add", MAGNET)

    result = revaer("add", MAGNET, OTHER)

    assert result.code == 2
    assert len(api.torrents) == 2
    assert result.err.splitlines()[:2] == [f"{MAGNET}:", "error: Conflict"]
    assert result.out.startswith("added ")


def test_of_several_failures_the_worse_code_is_answered(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers += [problem(409, "Conflict"), problem(503, "Away"), problem(422, "Wrong")]

    assert revaer("add", MAGNET, OTHER, MAGNET).code == 3


def test_a_daemon_that_went_away_ends_the_row(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(CUT)

    result = revaer("add", MAGNET, OTHER)

    assert result.code == 3
    assert len(api.requests) == 1


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument"),
        (["missing.torrent"], "missing.torrent: no such file, and no magnet link either."),
        (["."], "cannot be read: Is a directory"),
        (["https://example.org/a.torrent"], "download the .torrent and add the file"),
        (["-"], "standard input is empty"),
        ([MAGNET, OTHER, "--name", "x"], "--name is for one torrent, but there are 2 sources."),
        ([MAGNET, "--storage-mode", "huge"], "'huge' is not one of"),
        ([MAGNET, "--max-download-bps", "fast"], "'fast' is no size"),
        ([MAGNET, "--priority", "one=high"], "'one=high' should be INDEX=PRIORITY"),
        ([MAGNET, "--priority", "1=urgent"], "skip, low, normal, high"),
        ([MAGNET, "--max-connections", "0"], "0 is not in the range"),
        ([MAGNET, "--colour", "red"], "No such option"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeApi, arguments: list[str], words: str
) -> None:
    result = revaer("add", *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"", b"i42e"])
def test_a_file_of_another_kind_is_refused_by_name(revaer: Revaer, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.torrent").write_bytes(content)

    result = revaer("add", "page.torrent")

    assert result.code == 2
    assert "page.torrent: this is no .torrent" in result.err


def test_a_huge_file_is_not_read_whole(revaer: Revaer, tmp_path: Path) -> None:
    with (tmp_path / "huge.torrent").open("wb") as stream:
        stream.write(b"d")
        stream.truncate(1 << 40)

    result = revaer("add", "huge.torrent")

    assert result.code == 2
    assert "too large to be a .torrent (over 32 MiB)" in result.err


def test_a_line_of_standard_input_that_is_no_magnet_is_named(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("add", "-", stdin=f"{MAGNET}\nhttp://example.org\n".encode())

    assert result.code == 2
    assert "item 2 is no magnet link: http://example.org" in result.err
    assert api.requests == []
