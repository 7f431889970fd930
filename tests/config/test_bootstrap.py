"""An unattended start reads its changeset strictly."""

import json
from pathlib import Path

import pytest

from revaer.config.bootstrap import ConfigError, load_changeset


def written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"engine_profile": {"listen_port": 70_000}}, "/engine_profile/listen_port"),
        ({"engine_profile": {"listen_port": "6881"}}, "/engine_profile/listen_port"),
        ({"engine_profile": {"listen_interfaces": []}}, "/engine_profile/listen_interfaces"),
        ({"engine_profile": {"listen_interfaces": ["eth0", "a b"]}}, "/engine_profile/listen_interfaces/1"),
        ({"engine_profile": {"max_upload_bps": 2**31}}, "/engine_profile/max_upload_bps"),
        ({"engine_profile": {"max_upload_bps": -1}}, "/engine_profile/max_upload_bps"),
        ({"engine_profile": {"encryption": "maybe"}}, "/engine_profile/encryption"),
        ({"engine_profile": {"dht": "no"}}, "/engine_profile/dht"),
        ({"engine_profile": {"speed": 1}}, "/engine_profile/speed"),
        ({"engine_profile": None}, "/engine_profile"),
        ({"fun/ny~": 1}, "/fun~1ny~0"),
        ([], ""),
    ],
)
def test_every_refusal_names_its_pointer(tmp_path: Path, document: object, pointer: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_changeset(written(tmp_path / "b.json", document))

    assert [found for found, _ in refusal.value.problems] == [pointer]
    assert f"{pointer or '/'}: " in str(refusal.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "b.json", {"engine_profile": {"dht": 1, "lsd": "x"}, "unknown": {}})

    with pytest.raises(ConfigError) as refusal:
        load_changeset(path)

    assert len(refusal.value.problems) == 3


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "NaN",
        '{"engine_profile": {"listen_port": 1e999}}',
        '{"engine_profile": {}, "engine_profile": {}}',
        '{"engine_profile": {"listen_port": 1, "listen_port": 1}}',
        "[" * 100_000,
    ],
)
def test_bytes_that_are_no_document_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)

    with pytest.raises(ConfigError, match="is refused"):
        load_changeset(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json is refused"):
        load_changeset(tmp_path / "absent.json")


def test_what_holds_is_given_as_it_was_written_and_secrets_are_checked(tmp_path: Path) -> None:
    document = {"secrets": {"proxy-user": "value"}, "engine_profile": {"dht": False}}
    path = written(tmp_path / "b.json", document)

    assert load_changeset(path) == document
    with pytest.raises(ConfigError) as refusal:
        load_changeset(written(tmp_path / "c.json", {"secrets": {"proxy-user": 7}}))
    assert [pointer for pointer, _ in refusal.value.problems] == ["/secrets/proxy-user"]


def test_a_changeset_does_not_end_the_setup(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="/app_profile/mode"):
        load_changeset(written(tmp_path / "b.json", {"app_profile": {"mode": "active"}}))
