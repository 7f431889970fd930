"""Every field of every document: its description, its default, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from revaer.config.documents import DOCUMENTS, AltSpeed, AppProfile, Configuration, Document, EngineProfile, FsPolicy
from revaer.config.pointers import join
from revaer.config.schema import json_schema
from revaer.config.validate import apply_patch
from tests.config.building import FULL, Spot, at, configured, full, problems_of, replaced, resolve, spots

SPOTS = spots()
HUGE = 10**40


def wrong_types(kind: dict[str, Any]) -> Iterator[Any]:
    """Values of every JSON type but the right one."""
    name = kind["type"]
    values: dict[str, list[Any]] = {
        "boolean": [True],
        "integer": [1],
        "number": [1.5],
        "string": ["x"],
        "array": [["x"]],
        "object": [{"x": 1}],
    }
    for other, examples in values.items():
        if other != name and not (name == "number" and other == "integer"):
            yield from examples
    if name in ("integer", "number"):
        yield from ("1", "", True, False, math.nan, math.inf, -math.inf)
    if name == "boolean":
        yield from (0, 1, "true", "no")


def beyond_bounds(kind: dict[str, Any]) -> Iterator[Any]:
    """Values just beyond each bound, and far beyond."""
    if kind["type"] in ("integer", "number"):
        yield from (kind["minimum"] - 1, kind["maximum"] + 1, HUGE, -HUGE)
    if "enum" in kind:
        yield from ("", "no such word", kind["enum"][0].upper())
    elif kind["type"] == "string":
        yield "x" * (kind["maxLength"] + 1)
        if "pattern" in kind or kind.get("minLength"):
            yield ""
    if kind["type"] == "object" and "properties" in kind:
        yield {"no_such_field": 1}
        yield {"no_such_field": None}


REFUSED = [
    pytest.param(spot, value, id=f"{spot}={value!r:.30}")
    for spot in SPOTS
    for value in [*wrong_types(spot.schema), *beyond_bounds(spot.schema)]
]


@pytest.mark.parametrize(("spot", "value"), REFUSED)
def test_a_wrong_value_is_refused_where_it_is(spot: Spot, value: Any) -> None:
    problems = problems_of(replaced(full(), spot.steps, value))

    place = join(spot.steps)
    assert [pointer for pointer in problems if pointer == place or pointer.startswith(f"{place}/")]


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.schema["type"] == "array"], ids=str)
def test_a_list_has_an_upper_bound(spot: Spot) -> None:
    entries = at(full(), spot.steps)
    example = entries[0] if entries else "x"

    problems = problems_of(replaced(full(), spot.steps, [example] * (spot.schema["maxItems"] + 1)))

    assert f"must have at most {spot.schema['maxItems']} entries" in problems[join(spot.steps)]


@pytest.mark.parametrize(
    "spot", [spot for spot in SPOTS if spot.schema["type"] == "array" and "$ref" not in spot.schema["items"]], ids=str
)
def test_a_list_names_nothing_twice(spot: Spot) -> None:
    entries = at(full(), spot.steps)

    problems = problems_of(replaced(full(), spot.steps, [entries[0]] * 2))

    assert problems == {join(spot.steps): "must not name anything twice"}


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.schema.get("minItems")], ids=str)
def test_a_list_that_needs_entries_is_not_empty(spot: Spot) -> None:
    problems = problems_of(replaced(full(), spot.steps, []))

    assert problems[join(spot.steps)] == "must have at least 1 entries"


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.schema.get("required")], ids=str)
def test_every_needed_field_is_asked_for(spot: Spot) -> None:
    problems = problems_of(replaced(full(), spot.steps, {}), before=configured())

    assert {f"{join(spot.steps)}/{name}" for name in spot.schema["required"]} <= set(problems)


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\x7fb", "a\ud800b"])
@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.schema["type"] == "string"], ids=str)
def test_no_text_holds_control_characters(spot: Spot, text: str) -> None:
    original = at(full(), spot.steps) or ""

    problems = problems_of(replaced(full(), spot.steps, f"{original[:1]}{text}"))

    assert join(spot.steps) in problems


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.steps[-1] != "mode"], ids=str)
def test_bounds_themselves_are_accepted(spot: Spot) -> None:
    bounds = [spot.schema[name] for name in ("minimum", "maximum") if name in spot.schema]
    for bound in [*bounds, *spot.schema.get("enum", [])]:
        problems = problems_of(replaced(full(), spot.steps, bound))

        assert join(spot.steps) not in problems or "must be at" in problems[join(spot.steps)], "only by another field"


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if len(spot.steps) > 1], ids=str)
def test_every_number_text_and_list_is_bounded(spot: Spot) -> None:
    needed = {
        "integer": {"minimum", "maximum"},
        "number": {"minimum", "maximum"},
        "array": {"maxItems"},
        "boolean": set[str](),
        "string": set() if "enum" in spot.schema else {"maxLength"},
        "object": {"additionalProperties"},
    }

    assert needed[spot.schema["type"]] <= set(spot.schema)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_field_is_described_with_its_default(name: str) -> None:
    schema = json_schema(name)
    for model in [schema, *schema.get("$defs", {}).values()]:
        assert model["description"]
        assert model["additionalProperties"] is False
        for field, properties in model["properties"].items():
            assert len(properties["description"]) > 15, field
            assert properties["description"].endswith("."), field
            assert "default" in properties or field in model["required"], field


@pytest.mark.parametrize("spot", SPOTS, ids=str)
def test_rates_bytes_and_times_name_their_unit(spot: Spot) -> None:
    field = str(spot.steps[-1])
    units = {"_bps": "bytes per second", "_bytes": "bytes", "_timeout": "seconds", "time_limit": "seconds"}
    expected = [unit for suffix, unit in units.items() if field.endswith(suffix)]

    assert not expected or [spot.schema.get("x-unit")] == expected


@pytest.mark.parametrize("name", DOCUMENTS)
def test_null_is_a_value_only_where_it_is_the_default(name: str) -> None:
    """Else a merge patch, where null takes a field back to its default, could not say null."""
    schema = json_schema(name)
    for model in [schema, *schema.get("$defs", {}).values()]:
        for field, properties in model["properties"].items():
            _, nullable = resolve(properties, schema.get("$defs", {}))
            assert not nullable or properties["default"] is None, field


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if len(spot.steps) == 2], ids=str)
def test_null_takes_a_field_back_to_its_default(spot: Spot) -> None:
    document, field = map(str, spot.steps)

    after = apply_patch(configured(FULL), {document: {field: None}}, on_node=True)

    assert at(after.wire(), spot.steps) == at(Configuration().wire(), spot.steps)


def test_defaults_are_valid() -> None:
    assert problems_of(Configuration().wire()) == {}


def test_a_first_use_is_sensible() -> None:
    engine, app, policy = EngineProfile(), AppProfile(), FsPolicy()

    assert (engine.encryption, engine.dht, engine.pex, engine.lsd) == ("prefer", True, True, True)
    assert (engine.sequential_default, engine.storage_mode, engine.disk_io) == (False, "sparse", "pread")
    assert (engine.max_download_bps, engine.max_upload_bps, engine.alt_speed) == (None, None, AltSpeed())
    assert (app.mode, app.auth_mode, app.bind_addr, app.http_port) == ("setup", "api_key", "127.0.0.1", 7070)
    assert (policy.on_conflict, policy.move_mode, policy.allow_paths) == ("fail", "hardlink", ["/"])


def test_documents_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        EngineProfile().dht = False


def test_what_was_given_makes_the_same_document_again() -> None:
    configuration = configured(FULL)

    assert Configuration.model_validate(configuration.given()) == configuration
    assert Configuration.model_validate(configuration.wire()) == configuration
    assert Configuration().given() == {}


def test_documents_of_a_wrong_type_are_refused() -> None:
    values: list[object] = [[], "x", 1, True]
    for value in values:
        assert problems_of({"engine_profile": value}) == {"/engine_profile": "must be an object"}


def test_user_agent_is_the_trackers() -> None:
    assert configured(FULL).engine_profile.user_agent == "ours/1"


def test_every_model_of_the_tree_is_walked() -> None:
    def models(model: type[Document]) -> Iterator[str]:
        yield model.__name__
        for inner in model.__subclasses__():
            yield from models(inner)

    walked = {spot.schema.get("title") for spot in SPOTS}
    beside = {"Document", "Configuration", "ApiKey", "RateLimit", "SecretFacts"}

    assert set(models(Document)) - beside <= walked
