"""JSON Schemas as rows, tried on the real documents."""

import pytest

from revaer.cli.schema_table import SchemaRow, schema_rows
from revaer.config.schema import DOCUMENT_NAMES, json_schema


@pytest.mark.parametrize("name", DOCUMENT_NAMES)
def test_every_field_of_a_document_has_its_place_type_and_words(name: str) -> None:
    rows = list(schema_rows(name, json_schema(name)))

    assert rows
    assert len({row.pointer for row in rows}) == len(rows)
    for row in rows:
        assert row.pointer.startswith(f"/{name}/")
        assert row.kind
        assert "any" not in row.kind.split()
        assert row.description


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("engine_profile", ("/engine_profile/dht", "boolean", "true")),
        ("engine_profile", ("/engine_profile/max_download_bps", "integer or null", "null")),
        ("engine_profile", ("/engine_profile/tracker/proxy", "object or null", "null")),
        ("engine_profile", ("/engine_profile/tracker/proxy/kind", "socks4|socks5|http", "")),
        ("engine_profile", ("/engine_profile/alt_speed/schedule", "list of object", "[]")),
        ("engine_profile", ("/engine_profile/alt_speed/schedule/-/start", "string", "")),
        ("label_policies", ("/label_policies/tags/*/cleanup/ratio", "number or null", "null")),
        ("api_keys", ("/api_keys/-/rate_limit/burst", "integer", "")),
        ("secrets", ("/secrets/*/updated_at", "string", "")),
    ],
)
def test_a_field_reads_as_people_expect(name: str, row: tuple[str, str, str]) -> None:
    assert row in [(found.pointer, found.kind, found.default) for found in schema_rows(name, json_schema(name))]


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {
        "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}, "x": {"const": 1}}}},
        "$ref": "#/$defs/Node",
        "properties": {"first": {"$ref": "#/$defs/Node"}},
    }

    assert SchemaRow("/tree/first/x", "1", "", "") in list(schema_rows("tree", schema))


def test_an_unknown_reference_is_a_field_of_any_type() -> None:
    assert list(schema_rows("a", {"properties": {"b": {"$ref": "#/$defs/Gone"}}})) == [SchemaRow("/a/b", "any", "", "")]
