"""`revaer add`."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from revaer.cli.batches import BATCH, BATCH_BYTES, BATCH_VALUES, batches
from revaer.types import METAINFO_BYTES
from tests.cli.conftest import Revaer
from tests.support.fake_api import CUT, Answer, FakeApi, problem

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
    assert [item["magnet"] for item in api.requests[0].body["torrents"]] == [MAGNET, OTHER]


def test_standard_input_may_name_files_line_by_line(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    """As `find . -name '*.torrent'` writes them."""
    (tmp_path / "one two.torrent").write_bytes(TORRENT)

    result = revaer("add", "-", stdin=f"./one two.torrent\n{MAGNET}\n".encode())

    assert result.code == 0
    first, second = api.requests[0].body["torrents"]
    assert base64.b64decode(first["metainfo"]) == TORRENT
    assert second == {"magnet": MAGNET}


def test_a_pattern_that_the_shell_left_alone_is_expanded(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    for number, name in enumerate(("b/c/3.torrent", "b/2.torrent", "1.torrent", "b/other.txt", ".hidden.torrent")):
        (tmp_path / name).write_bytes(TORRENT + str(number).encode())
    (tmp_path / "4.torrent").mkdir()

    result = revaer("add", "**/*.torrent", "--tag", "new", "--output", "json")

    results = json.loads(result.out)["results"]
    assert (result.code, result.err) == (0, "")
    assert [one["source"] for one in results] == ["1.torrent", "b/2.torrent", "b/c/3.torrent"]
    assert [item["tags"] for item in api.requests[0].body["torrents"]] == [["new"]] * 3


def test_an_absolute_pattern_and_one_of_the_home_are_expanded(
    revaer: Revaer, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "1.torrent").write_bytes(TORRENT)

    assert revaer("add", f"{tmp_path}/?.torrent").code == 0
    assert revaer("add", "~/[0-9].torrent").code == 2
    assert len(api.torrents) == 1


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "[group] film.torrent").write_bytes(TORRENT)

    result = revaer("add", "[group] film.torrent", "--output", "json")

    assert json.loads(result.out) == next(iter(api.torrents.values()))


def test_a_default_of_the_node_can_be_refused(revaer: Revaer, api: FakeApi) -> None:
    revaer("add", MAGNET, "--no-sequential", "--no-super-seeding", "--no-auto-managed")

    assert api.requests[0].body == {
        "magnet": MAGNET,
        "sequential": False,
        "super_seeding": False,
        "auto_managed": False,
    }


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


def test_json_output_of_several_is_a_result_for_each(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("add", MAGNET, OTHER, MAGNET, "--output", "json")

    first, second = api.torrents.values()
    problem = {"type": "https://revaer.dev/problems/conflict", "title": "Conflict", "status": 409}
    assert result.code == 2
    assert json.loads(result.out) == {
        "results": [
            {"source": MAGNET, "id": first["id"], "info_hash": first["info_hash"]},
            {"source": OTHER, "id": second["id"], "info_hash": second["info_hash"]},
            {
                "source": MAGNET,
                "problem": problem
                | {
                    "detail": f"torrent {first['info_hash']} is already here as {first['id']}",
                    "instance": "req-409",
                    "context": {"id": first["id"]},
                },
            },
        ]
    }


def test_a_list_or_a_pattern_of_one_is_written_like_one_of_many(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    """A script must not find another shape on the day when there is just one file."""
    (tmp_path / "1.torrent").write_bytes(TORRENT)

    by_pattern = json.loads(revaer("add", "*.torrent", "--output", "json").out)
    by_list = json.loads(revaer("add", "-", "--output", "json", stdin=MAGNET.encode()).out)

    assert [one["source"] for one in by_pattern["results"] + by_list["results"]] == ["1.torrent", MAGNET]


def test_many_sources_go_in_batches(revaer: Revaer, api: FakeApi) -> None:
    links = [f"magnet:?xt=urn:btih:{number:040x}" for number in range(450)]

    result = revaer("add", "-", stdin="\n".join(links).encode())

    assert (result.code, len(result.out.splitlines())) == (0, 450)
    assert [len(request.body["torrents"]) for request in api.requests] == [200, 200, 50]


def test_large_sources_go_in_batches_that_the_daemon_takes() -> None:
    large = ("large", {"metainfo": "d" * (BATCH_BYTES - 30)})
    small = ("small", {"magnet": "m" * 10})

    assert [[name for name, _ in batch] for batch in batches([small, large, small, small])] == [
        ["small"],
        ["large"],
        ["small", "small"],
    ]
    assert list(batches([])) == []


def test_torrents_with_many_choices_go_in_batches_that_the_daemon_takes() -> None:
    many = ("many", {"priorities": {str(index): "skip" for index in range(BATCH_VALUES // 2)}})

    assert [len(batch) for batch in batches([many] * 5)] == [2, 2, 1]


def test_no_more_bodies_are_made_than_one_call_takes() -> None:
    made = []

    def bodies() -> Iterator[tuple[int, dict[str, str]]]:
        for number in range(3 * BATCH):
            made.append(number)
            yield number, {}

    assert len(next(batches(bodies()))) == BATCH
    assert len(made) == BATCH + 1


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
    refusals = [problem(409, "Conflict"), problem(503, "Away"), problem(422, "Wrong")]
    results = [{"index": index, "problem": refusal.body} for index, refusal in enumerate(refusals)]
    api.next_answers.append(Answer(200, {"results": results}))

    assert revaer("add", MAGNET, OTHER, MAGNET).code == 3


def test_a_daemon_that_went_away_ends_the_row_and_what_was_added_is_told(revaer: Revaer, api: FakeApi) -> None:
    links = "\n".join(f"magnet:?xt=urn:btih:{number:040x}" for number in range(250)).encode()
    rest = problem(503, "Not available now", "going down")
    first = [{"status": 201, "id": f"id-{number}", "info_hash": "a" * 40} for number in range(200)]
    for output, lines in (("table", 200), ("json", None)):
        api.next_answers += [Answer(200, {"results": first}), rest]

        result = revaer("add", "-", "--output", output, stdin=links)

        assert result.code == 3
        assert result.err.startswith("error: Not available now\n  going down\n")
        told = len(result.out.splitlines()) if lines else len(json.loads(result.out)["results"])
        assert told == 200


def test_nothing_is_written_when_nothing_was_added(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(CUT)

    result = revaer("add", MAGNET, OTHER, "--output", "json")

    assert (result.code, result.out) == (3, "")


def test_an_answer_with_fewer_results_makes_no_sense(revaer: Revaer, api: FakeApi) -> None:
    api.next_answers.append(Answer(200, {"results": []}))

    result = revaer("add", MAGNET, OTHER)

    assert result.code == 3
    assert result.err.startswith("error: the answer makes no sense\n")


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument"),
        (["missing.torrent"], "missing.torrent: no such file, and no magnet link either."),
        (["."], "cannot be read: Is a directory"),
        (["https://example.org/a.torrent"], "download the .torrent and add the file"),
        (["-"], "standard input is empty"),
        (["-", "-"], "standard input can be read once; give - once."),
        (["*.torrent"], "*.torrent: no file matches this pattern."),
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


@pytest.mark.parametrize("size", [METAINFO_BYTES + 1, 1 << 40])
def test_a_file_that_no_daemon_takes_is_refused_before_anything_is_added(
    revaer: Revaer, api: FakeApi, tmp_path: Path, size: int
) -> None:
    (tmp_path / "fine.torrent").write_bytes(TORRENT)
    with (tmp_path / "huge.torrent").open("wb") as stream:
        stream.write(b"d")
        stream.truncate(size)

    result = revaer("add", "fine.torrent", "huge.torrent")

    assert result.code == 2
    assert "huge.torrent: too large, the daemon takes a .torrent of up to 10 MiB; leave it out." in result.err
    assert api.requests == []


def test_the_largest_file_that_a_daemon_takes_is_sent(revaer: Revaer, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "large.torrent").write_bytes(b"d".ljust(METAINFO_BYTES, b"e"))

    assert revaer("add", "large.torrent").code == 0
    assert len(api.requests[0].body["metainfo"]) > METAINFO_BYTES


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"http://example.org", "standard input, line 3: http://example.org: addresses are not fetched"),
        (b"missing.torrent", "standard input, line 3: missing.torrent: no such file, and no magnet link either."),
        (b"<html>", "standard input, line 3: <html>: no such file"),
        (b"\xff\xfe", "standard input: this is no .torrent, and no list of magnet links and files either."),
        (b"a\0b", "standard input: this is no .torrent, and no list"),
    ],
)
def test_a_line_of_standard_input_that_is_no_source_is_named(
    revaer: Revaer, api: FakeApi, line: bytes, words: str
) -> None:
    result = revaer("add", "-", stdin=f"{MAGNET}\n\n".encode() + line)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_a_list_on_standard_input_has_a_limit(revaer: Revaer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revaer.cli.sources.LARGEST_LIST", 50)

    assert "too long for a list" in revaer("add", "-", stdin=MAGNET.encode()).err
