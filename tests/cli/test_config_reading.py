"""`revaer config get`, `history` and `schema`."""

import json

import pytest

from tests.cli.conftest import Revaer
from tests.support.fake_api import Answer
from tests.support.fake_node import SCHEMAS, FakeNode


def test_the_whole_configuration_is_a_table(revaer: Revaer, api: FakeNode) -> None:
    api.secrets["proxy.password"] = "hunter2"
    api.add_key("rk_a")

    result = revaer("config", "get")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "revision 7, made 2024-05-02 12:00:00 UTC\n"
        "POINTER                           VALUE\n"
        '/app_profile/instance_name        "revaer"\n'
        '/app_profile/mode                 "active"\n'
        "/app_profile/http_port            7070\n"
        "/app_profile/trusted_proxies      []\n"
        "/app_profile/tls                  null\n"
        "/engine_profile/listen_port       6881\n"
        "/engine_profile/dht               true\n"
        "/engine_profile/max_download_bps  null\n"
        "/engine_profile/tracker/extra     []\n"
        "/fs_policy/library_root           null\n"
        "/label_policies/categories        {}\n"
        "/label_policies/tags              {}\n"
    )


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("/engine_profile/listen_port", "6881\n"),
        ("/app_profile/instance_name", "revaer\n"),
        ("/app_profile/tls", "null\n"),
        ("/app_profile/trusted_proxies", '["10.0.0.1", "::1"]\n'),
        ("/app_profile/trusted_proxies/1", "::1\n"),
        ("/fs_policy/", "POINTER                  VALUE\n/fs_policy/library_root  null\n"),
        ("/label_policies/tags", "POINTER                          VALUE\n/label_policies/tags/a~1b~0/cap  1\n"),
        ("/label_policies/tags/a~1b~0/cap", "1\n"),
        ("/revision", "7\n"),
    ],
)
def test_a_pointer_leads_to_a_part(revaer: Revaer, api: FakeNode, pointer: str, shown: str) -> None:
    api.documents["app_profile"]["trusted_proxies"] = ["10.0.0.1", "::1"]
    api.documents["label_policies"]["tags"]["a/b~"] = {"cap": 1}

    result = revaer("config", "get", pointer)

    assert (result.code, result.out) == (0, shown)


@pytest.mark.parametrize(
    "pointer", ["/nothing", "/app_profile/tls/cert_file", "/app_profile/trusted_proxies/0", "/a/b"]
)
def test_a_pointer_to_nothing_ends_with_three(revaer: Revaer, pointer: str) -> None:
    result = revaer("config", "get", pointer)

    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("error: there is nothing at /")


def test_a_pointer_without_a_slash_ends_with_two(revaer: Revaer, api: FakeNode) -> None:
    result = revaer("config", "get", "engine_profile")

    assert result.code == 2
    assert "begins with a slash, such as /engine_profile/listen_port" in result.err
    assert api.requests == []


def test_the_effective_view_has_derived_values(revaer: Revaer) -> None:
    assert revaer("config", "get", "--effective", "/derived/api/endpoint").out == "127.0.0.1:7070\n"
    assert "/derived/api/endpoint" in revaer("config", "get", "--effective").out


def test_the_configuration_as_json_is_the_document(revaer: Revaer, api: FakeNode) -> None:
    assert json.loads(revaer("config", "get", "--output", "json").out) == api.snapshot()
    assert revaer("--output", "json", "config", "get", "/app_profile/instance_name").out == '"revaer"\n'
    assert revaer("config", "--output", "json", "get", "/app_profile/tls").out == "null\n"


def test_a_long_value_is_whole_in_a_pipe(revaer: Revaer, api: FakeNode) -> None:
    api.documents["engine_profile"]["tracker"]["extra"] = [
        f"udp://tracker{number}.example:6969" for number in range(256)
    ]

    assert "udp://tracker255.example:6969" in revaer("config", "get", "/engine_profile").out


def test_a_value_cannot_steer_the_terminal(revaer: Revaer, api: FakeNode) -> None:
    api.documents["app_profile"]["instance_name"] = "a\x1b[2Jb"

    for arguments in (["config", "get"], ["config", "get", "/app_profile/instance_name"]):
        assert "\x1b" not in revaer(*arguments).out


def test_an_answer_without_documents_is_told(revaer: Revaer, api: FakeNode) -> None:
    api.next_answers.append(Answer(200, {"revision": 7}))

    result = revaer("config", "get", "--effective")

    assert result.code == 3
    assert "`effective` is no JSON object" in result.err


# history


def make_history(api: FakeNode) -> None:
    api.patch({"engine_profile": {"listen_port": 7000}, "app_profile": {"instance_name": "den"}})
    api.patch({"label_policies": {"tags": {"tv": {"queue_position": 1}}}}, "put_label_policy")


def test_the_history_is_a_table(revaer: Revaer, api: FakeNode) -> None:
    make_history(api)

    result = revaer("config", "history")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "REVISION  MADE                     BY       OPERATION         CHANGED\n"
        "       9  2024-05-02 12:00:00 UTC  rk_test  put_label_policy  /label_policies/tags/tv\n"
        "       8  2024-05-02 12:00:00 UTC  rk_test  patch             "
        "/app_profile/instance_name, /engine_profile/listen_port\n"
    )


def test_the_history_shows_values_when_asked(revaer: Revaer, api: FakeNode) -> None:
    make_history(api)

    assert revaer("config", "history", "--changes").out == (
        "revision 9: put_label_policy by rk_test, 2024-05-02 12:00:00 UTC, request req-1\n"
        "POINTER                  BEFORE  AFTER\n"
        '/label_policies/tags/tv  null    {"queue_position": 1}\n'
        "\n"
        "revision 8: patch by rk_test, 2024-05-02 12:00:00 UTC, request req-1\n"
        "POINTER                      BEFORE    AFTER\n"
        '/app_profile/instance_name   "revaer"  "den"\n'
        "/engine_profile/listen_port  6881      7000\n"
    )


def test_a_page_of_the_history_says_how_to_see_more(revaer: Revaer, api: FakeNode) -> None:
    make_history(api)

    result = revaer("config", "history", "--limit", "1")

    assert len(result.out.splitlines()) == 2
    assert result.err == "There are more: --before 9\n"
    assert "instance_name" in revaer("config", "history", "--before", "9").out
    assert api.requests[-1].params == {"before": "9"}


def test_an_empty_history_is_said_beside_the_output(revaer: Revaer) -> None:
    result = revaer("config", "history")

    assert (result.code, result.out, result.err) == (0, "", "No revisions.\n")


def test_a_revision_without_changes_is_shown(revaer: Revaer, api: FakeNode) -> None:
    api.change(api.documents, "rotate_encryption_key")

    assert revaer("config", "history", "--changes").out == (
        "revision 8: rotate_encryption_key by rk_test, 2024-05-02 12:00:00 UTC, request req-1\n"
    )


def test_the_history_as_json_is_the_page(revaer: Revaer, api: FakeNode) -> None:
    make_history(api)

    page = json.loads(revaer("config", "history", "--limit", "1", "--output", "json").out)

    assert page == {"revisions": api.history[:1], "next": 9}


@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--limit", "1001"], ["--before", "0"], ["extra"]])
def test_wrong_use_of_history_ends_with_two(revaer: Revaer, api: FakeNode, arguments: list[str]) -> None:
    assert revaer("config", "history", *arguments).code == 2
    assert api.requests == []


# schema


def test_documents_are_listed(revaer: Revaer) -> None:
    assert revaer("config", "schema").out == "fs_policy\n"
    assert json.loads(revaer("config", "schema", "--output", "json").out) == {"documents": ["fs_policy"]}


def test_the_fields_of_a_document_are_a_table(revaer: Revaer) -> None:
    assert revaer("config", "schema", "fs_policy").out == (
        "POINTER                      TYPE            DEFAULT     DESCRIPTION\n"
        "/fs_policy/library_root      string or null  null        Where finished entries go.\n"
        '/fs_policy/move_mode         hardlink|copy   "hardlink"  How.\n'
        "/fs_policy/limits/max_depth  integer         3           Nested archives.\n"
    )


def test_a_schema_as_json_is_the_schema(revaer: Revaer) -> None:
    assert json.loads(revaer("config", "schema", "fs_policy", "--output", "json").out) == SCHEMAS["fs_policy"]


def test_an_unknown_document_ends_with_three(revaer: Revaer) -> None:
    assert revaer("config", "schema", "colours").code == 3
