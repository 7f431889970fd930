"""A JSON Schema per document."""

from __future__ import annotations

import json

import pytest

from revaer.config.documents import DOCUMENTS
from revaer.config.schema import DOCUMENT_NAMES, json_schema


def test_every_document_of_the_wire_has_a_schema() -> None:
    assert set(DOCUMENT_NAMES) == {*DOCUMENTS, "api_keys", "secrets"}


@pytest.mark.parametrize("name", DOCUMENT_NAMES)
def test_a_schema_names_itself_and_describes_the_document(name: str) -> None:
    schema = json_schema(name)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/{name}.json")
    assert schema["title"]
    assert schema["description"]
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("name", DOCUMENT_NAMES)
def test_every_reference_leads_somewhere(name: str) -> None:
    schema = json_schema(name)
    references = [part.split('"')[0] for part in json.dumps(schema).split('"$ref": "')[1:]]

    for reference in references:
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def test_a_schema_says_bounds_and_units() -> None:
    cap, none = json_schema("engine_profile")["properties"]["max_download_bps"]["anyOf"]

    assert cap == {"type": "integer", "minimum": 0, "maximum": 2_147_483_647, "x-unit": "bytes per second"}
    assert none == {"type": "null"}


def test_keys_are_named_as_on_the_wire() -> None:
    names = set(json_schema("api_keys")["$defs"]["ApiKey"]["properties"])
    assert names == {"id", "label", "scopes", "rate_limit", "created_at", "expires_at", "rotated_at", "grace_until"}


def test_alternative_caps_say_what_null_and_zero_are() -> None:
    fields = json_schema("engine_profile")["$defs"]["AltSpeed"]["properties"]
    for name in ("max_download_bps", "max_upload_bps"):
        assert "null keeps the usual cap, 0 is unlimited" in fields[name]["description"]


def test_a_schema_is_the_callers_own() -> None:
    json_schema("fs_policy").clear()

    assert json_schema("fs_policy")


def test_no_secret_value_has_a_place() -> None:
    assert set(json_schema("secrets")["$defs"]["SecretFacts"]["properties"]) == {"updated_at"}
    assert not {"secret", "secret_hash", "hash", "clear"} & set(
        json_schema("api_keys")["$defs"]["ApiKey"]["properties"]
    )


def test_an_unknown_document_has_none() -> None:
    with pytest.raises(KeyError):
        json_schema("other")
