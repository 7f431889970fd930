"""`revaer labels`."""

import json

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_node import FakeNode


def test_policies_are_a_table(revaer: Revaer, api: FakeNode) -> None:
    cleanup = {"ratio": 2.0, "time": None, "remove_data": True}
    api.documents["label_policies"] = {
        "categories": {"films": {"download_dir": "/srv/films", "queue_position": None, "cleanup": cleanup}},
        "tags": {"tv": {"auto_managed": False}, "linux": {}},
    }

    result = revaer("labels", "ls")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "KIND      NAME   POLICY\n"
        'category  films  download_dir="/srv/films", cleanup.ratio=2.0, cleanup.remove_data=true\n'
        "tag       linux\n"
        "tag       tv     auto_managed=false\n"
    )
    assert "films" not in revaer("labels", "ls", "--kind", "tag").out


def test_policies_as_json_are_the_documents(revaer: Revaer, api: FakeNode) -> None:
    api.documents["label_policies"]["tags"] = {"tv": {"auto_managed": False}}

    assert json.loads(revaer("labels", "ls", "--output", "json").out) == api.documents["label_policies"]
    assert json.loads(revaer("labels", "ls", "--kind", "tag", "--output", "json").out) == {
        "tags": {"tv": {"auto_managed": False}}
    }


def test_no_policies_are_said_beside_the_output(revaer: Revaer) -> None:
    result = revaer("labels", "ls")

    assert (result.code, result.out, result.err) == (0, "", "No policies.\n")


def test_every_option_becomes_a_field(revaer: Revaer, api: FakeNode) -> None:
    result = revaer(
        *["labels", "set", "category", "films", "--download-dir", "/srv/films", "--max-download-bps", "2M"],
        *["--max-upload-bps", "0", "--queue-position", "3", "--no-auto-managed", "--seed-ratio-limit", "1.5"],
        *["--seed-time-limit", "12h", "--cleanup-ratio", "2", "--cleanup-time", "7d", "--cleanup-remove-data"],
    )

    assert (result.code, result.out) == (0, "category films has a policy now\n")
    assert (api.requests[0].method, api.requests[0].path) == ("PUT", "/v1/categories/films")
    assert api.requests[0].body == {
        "download_dir": "/srv/films",
        "max_download_bps": 2_097_152,
        "max_upload_bps": 0,
        "queue_position": 3,
        "auto_managed": False,
        "seed_ratio_limit": 1.5,
        "seed_time_limit": 43_200,
        "cleanup": {"ratio": 2.0, "time": 604_800, "remove_data": True},
    }


def test_a_policy_is_replaced_whole(revaer: Revaer, api: FakeNode) -> None:
    revaer("labels", "set", "tag", "a/b", "--queue-position", "3")

    result = revaer("labels", "set", "tag", "a/b")

    assert result.out == "tag a/b has another policy now\n"
    assert api.requests[-1].path == "/v1/tags/a%2Fb"
    assert api.requests[-1].body == {}


def test_a_policy_comes_from_a_file(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("labels", "set", "tag", "tv", "--file", "-", "--output", "json", stdin=b'{"queue_position": 1}')

    assert json.loads(result.out) == {"queue_position": 1}
    assert api.documents["label_policies"]["tags"] == {"tv": {"queue_position": 1}}


def test_a_policy_is_removed(revaer: Revaer, api: FakeNode) -> None:
    api.documents["label_policies"]["tags"] = {"tv": {}, "linux": {}}

    assert revaer("labels", "rm", "tag", "tv").out == "tag tv has no policy now\n"
    assert json.loads(revaer("labels", "rm", "tag", "linux", "--output", "json").out) == {
        "kind": "tag",
        "name": "linux",
    }
    assert api.documents["label_policies"]["tags"] == {}


def test_an_unknown_label_ends_with_three(revaer: Revaer) -> None:
    assert revaer("labels", "rm", "tag", "tv").code == 3


def test_a_change_for_an_older_revision_ends_with_two(revaer: Revaer, api: FakeNode) -> None:
    api.documents["label_policies"]["tags"] = {"tv": {}}

    assert revaer("labels", "set", "tag", "tv", "--if-match", "1").code == 2
    assert revaer("labels", "rm", "tag", "tv", "--if-match", "1").code == 2
    assert revaer("labels", "rm", "tag", "tv", "--if-match", "7").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("set", "Missing argument '<KIND>'"),
        ("set category", "Missing argument '<NAME>'"),
        ("set colour red", "'colour' is not one of 'category', 'tag'"),
        ("set tag a --max-download-bps fast", "'fast' is no size"),
        ("set tag a --queue-position -1", "-1 is not in the range"),
        ("set tag a --seed-ratio-limit -1", "-1.0 is not in the range"),
        ("set tag a --cleanup-time soon", "'soon' is no span of time"),
        ("set tag a --file x --queue-position 1", "--file holds the whole policy"),
        ("set tag a --file missing.json", "missing.json: cannot be read"),
        ("ls --kind colour", "'colour' is not one of"),
        ("rm tag", "Missing argument '<NAME>'"),
    ],
)
def test_wrong_use_ends_with_two_before_anything_is_sent(
    revaer: Revaer, api: FakeNode, arguments: str, words: str
) -> None:
    result = revaer("labels", *arguments.split())

    assert result.code == 2
    assert words in result.err
    assert api.requests == []
