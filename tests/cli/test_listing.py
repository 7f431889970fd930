"""`revaer ls` and `revaer files`."""

import json

import pytest

from revaer.cli.listing import short_ids
from tests.cli.conftest import Revaer
from tests.support.fake_api import SINCE, FakeApi, file_document

MIB = 1024 * 1024


def test_the_table_of_torrents(revaer: Revaer, api: FakeApi) -> None:
    api.put(
        "Placeholder.Picture.2020",
        progress={"bytes_downloaded": 42 * MIB, "bytes_total": 100 * MIB, "percent_complete": 42.0, "eta_seconds": 75},
        rates={"download_bps": 2 * MIB, "upload_bps": 0, "ratio": 0.125},
        info_hash="aaaaaaaaaa" + "0" * 30,
    )
    api.put("two", info_hash="bbbbbbbbbb" + "0" * 30, state={"kind": "seeding", "since": SINCE})

    result = revaer("ls")

    assert result.code == 0
    assert result.out == (
        "ID        NAME                      STATE          DONE       SIZE       DOWN  UP  RATIO  ETA\n"
        "aaaaaaaa  Placeholder.Picture.2020  downloading  42.0 %  100.0 MiB  2.0 MiB/s   -   0.12  1 min 15 s\n"
        "bbbbbbbb  two                       seeding       0.0 %     1000 B          -   -   0.00  -\n"
    )


def test_names_are_not_cut_in_a_pipe_and_cannot_steer_a_terminal(revaer: Revaer, api: FakeApi) -> None:
    api.put("n" * 300 + "\x1b[2J")

    assert "n" * 300 + "\\x1b[2J " in revaer("ls").out


def test_markup_in_a_name_is_only_text(revaer: Revaer, api: FakeApi) -> None:
    api.put("[bold red]x[/] :smile:")

    assert "[bold red]x[/] :smile:" in revaer("ls").out


def test_nothing_there_is_said_beside_the_output(revaer: Revaer) -> None:
    result = revaer("ls")

    assert (result.code, result.out, result.err) == (0, "", "No torrents.\n")


def test_one_page_says_how_to_see_more(revaer: Revaer, api: FakeApi) -> None:
    for number in range(3):
        api.put(f"torrent {number}")

    result = revaer("ls", "--limit", "2")

    assert len(result.out.splitlines()) == 3
    assert result.err == "There are more: --all, or --cursor 2\n"
    assert "torrent 2" in revaer("ls", "--cursor", "2").out


def test_all_walks_every_page(revaer: Revaer, api: FakeApi) -> None:
    for number in range(7):
        api.put(f"torrent {number}")

    result = revaer("ls", "--all", "--limit", "2", "--output", "json")

    assert [torrent["name"] for torrent in json.loads(result.out)["torrents"]] == [f"torrent {n}" for n in range(7)]
    assert len(api.requests) == 4


def test_filters_reach_the_api(revaer: Revaer, api: FakeApi) -> None:
    filters = "--state seeding,stopped --state failed --tracker a.example --extension mkv --tag x --category c --name n"

    revaer("ls", *filters.split(), "--sort", "-size")

    assert api.requests[0].params == {
        "state": "seeding,stopped,failed",
        "tracker": "a.example",
        "extension": "mkv",
        "tags": "x",
        "category": "c",
        "name": "n",
        "sort": "-size",
    }


def test_json_output_is_the_page_of_the_api(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("Ünicode")

    result = revaer("--output", "json", "ls")

    assert json.loads(result.out) == {"torrents": [torrent]}
    assert "Ünicode" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--limit", "0"], "0 is not in the range"),
        (["--limit", "1001"], "1001 is not in the range"),
        (["--all", "--cursor", "x"], "--all starts at the first page"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_wrong_use_ends_with_two(revaer: Revaer, api: FakeApi, arguments: list[str], words: str) -> None:
    result = revaer("ls", *arguments)

    assert result.code == 2
    assert words in result.err
    assert api.requests == []


def test_short_ids_grow_until_they_tell_apart() -> None:
    assert short_ids(["a" * 40, "b" * 40]) == ["a" * 8, "b" * 8]
    assert short_ids(["a" * 9 + "b" * 31, "a" * 9 + "c" * 31]) == ["a" * 9 + "b", "a" * 9 + "c"]
    assert short_ids(["a" * 40, "a" * 40]) == ["a" * 8, "a" * 8]
    assert short_ids([]) == []


def test_the_table_of_files(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put(
        "One",
        files=[
            file_document(0, "Sample/a.mkv", 3 * MIB, priority="skip", selected=False, rule="skip_fluff"),
            file_document(1, "film.mkv", 100 * MIB, bytes_completed=50 * MIB, priority="high", rule="index 1"),
            file_document(2, "empty.nfo", 0),
        ],
    )

    result = revaer("files", torrent["id"])

    assert result.out == (
        "INDEX  PATH               SIZE     DONE  PRIORITY  RULE\n"
        "    0  Sample/a.mkv    3.0 MiB        -  skip      skip_fluff\n"
        "    1  film.mkv      100.0 MiB   50.0 %  high      index 1\n"
        "    2  empty.nfo           0 B  100.0 %  normal    default\n"
    )


def test_files_before_the_metadata_are_said_to_be_unknown(revaer: Revaer, api: FakeApi) -> None:
    result = revaer("files", api.put("One")["id"])

    assert (result.code, result.out, result.err) == (0, "", "No files yet: the metadata has not arrived.\n")


def test_files_as_json(revaer: Revaer, api: FakeApi) -> None:
    document = file_document(0, "a", 1)

    result = revaer("files", api.put("One", files=[document])["id"], "--output", "json")

    assert json.loads(result.out) == {"files": [document]}


# Fields


def test_some_fields_are_columns(revaer: Revaer, api: FakeApi) -> None:
    torrent = api.put("One", tags=["a", "b"], category=None)

    result = revaer("ls", "--fields", "name,tags", "--fields", "category", "--fields", "name")

    assert result.out == f'{"ID":<38}NAME  TAGS        CATEGORY\n{torrent["id"]}  One   ["a", "b"]  -\n'
    assert api.requests[0].params == {"fields": "name,tags,category,name"}


def test_some_fields_as_json(revaer: Revaer, api: FakeApi) -> None:
    torrents = [api.put(f"t{number}") for number in range(3)]

    document = json.loads(revaer("ls", "--fields", "name", "--all", "--output", "json").out)

    assert document == {"torrents": [{"id": one["id"], "name": one["name"]} for one in torrents]}


def test_one_page_of_some_fields_says_how_to_see_more(revaer: Revaer, api: FakeApi) -> None:
    for number in range(3):
        api.put(f"t{number}")

    assert revaer("ls", "--fields", "name", "--limit", "2").err == "There are more: --all, or --cursor 2\n"
    assert revaer("ls", "--fields", "name", "--cursor", "9").err == "No torrents.\n"
