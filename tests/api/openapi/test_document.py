"""The OpenAPI document: whole, valid, as it was written down, and true of the code that it is made from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from revaer.api.app import ROUTES
from revaer.api.docs_routes import document_path
from revaer.api.openapi import about_config
from revaer.api.openapi.__main__ import text
from revaer.api.openapi.components import PLACE, references
from revaer.api.openapi.document import Undocumented, assemble, path_of
from revaer.api.openapi.tables import OPERATIONS
from revaer.api.problems import KINDS
from revaer.api.routing import Route
from revaer.config import secret_changes
from revaer.config.documents import Configuration
from revaer.events import EVENT_KINDS
from revaer.security.messages import Scope


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document of all routes."""
    return assemble(ROUTES, OPERATIONS)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every operation with its method and path."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def validator(document: Mapping[str, Any], schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """What holds values against a schema that may refer to others."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def examples(content: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Every example of some contents, with the schema that it should have."""
    for described in content.values():
        named = [example["value"] for example in described.get("examples", {}).values()]
        for example in [*named, *([described["example"]] if "example" in described else [])]:
            yield described.get("schema", {}), example


async def nothing(*_: Any) -> Any:
    """Answer nothing. More is not said."""


def test_every_route_is_documented_and_nothing_else(document: dict[str, Any]) -> None:
    """When this fails for a new route: what it takes and answers belongs into a table `revaer/api/openapi/about_*`."""
    told = {f"{route.method} {path_of(route)}" for route in ROUTES}
    assert told == {name for name, _ in operations(document)}


def test_route_without_words_is_refused() -> None:
    extra = Route("GET", "/v1/nothing", nothing, Scope.READ)
    with pytest.raises(Undocumented, match="GET /v1/nothing"):
        assemble((*ROUTES, extra), OPERATIONS)


def test_words_without_a_route_are_refused() -> None:
    with pytest.raises(Undocumented, match=re.escape("GET /v1/torrents/{id}/files")):
        assemble([route for route in ROUTES if not route.path.endswith("/files")], OPERATIONS)


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_written_document_is_that_of_the_code() -> None:
    """`just api-export` writes it."""
    assert document_path().read_text("utf-8") == text(), "run `just api-export` and look at what changed"


def test_it_is_the_same_each_time() -> None:
    assert text() == text()


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert validator(document, {"$ref": f"{PLACE}{name}"}) is not None


def test_every_reference_leads_somewhere_and_no_schema_is_idle(document: dict[str, Any]) -> None:
    found = set(references(document))
    for reference in found:
        at: Any = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
    idle = {f"{PLACE}{name}" for name in document["components"]["schemas"]} - found
    assert {name for name in idle if not name.startswith(f"{PLACE}Problem")} == set()


def test_every_example_is_as_its_schema_says(document: dict[str, Any]) -> None:
    responses = document["components"]["responses"]
    for name, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        contents = [responses[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in bodies]
        for schema, example in [pair for one in contents for pair in examples(one.get("content", {}))]:
            errors = [error.message for error in validator(document, schema).iter_errors(example)]
            assert errors == [], f"{name}: {example}"


def test_every_example_of_a_parameter_is_as_its_schema_says(document: dict[str, Any]) -> None:
    shared = document["components"]["parameters"]
    given = [one for _, operation in operations(document) for one in operation["parameters"] if "$ref" not in one]
    for parameter in [*shared.values(), *given]:
        if "example" in parameter:
            assert validator(document, parameter["schema"]).is_valid(parameter["example"]), parameter


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for name, operation in operations(document):
        assert operation["summary"], name
        assert not operation["summary"].endswith("."), name
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}, name
        assert all(parameter.get("description") or "$ref" in parameter for parameter in operation["parameters"]), name


def test_links_lead_to_operations(document: dict[str, Any]) -> None:
    ids = {operation["operationId"]: operation for _, operation in operations(document)}
    answers = [answer for operation in ids.values() for answer in operation["responses"].values()]
    links = [link for answer in answers for link in answer.get("links", {}).values()]
    assert links
    assert {link["operationId"] for link in links} <= set(ids)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_scope_is_told_as_the_route_has_it(document: dict[str, Any], route: Route[Any]) -> None:
    operation = document["paths"][path_of(route)][route.method.lower()]
    scopes = {scope for scheme in operation["security"] for names in scheme.values() for scope in names}
    if route.scope is None:
        assert "401" not in operation["responses"] or {} in operation["security"] or not scopes
        return
    assert scopes == {route.scope.value}
    assert f"`{route.scope.value}`" in operation["description"]
    assert {"401", "403", "409", "429", "503"} <= set(operation["responses"])


def test_what_has_a_body_may_refuse_it(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert ("requestBody" in operation) is ({"413", "415"} <= set(operation["responses"])), name


def test_every_kind_of_problem_has_a_schema_of_its_own(document: dict[str, Any]) -> None:
    told = [part["allOf"][1]["properties"] for part in document["components"]["schemas"].values() if "allOf" in part]
    kinds = {properties["type"]["const"].rpartition("/")[2]: properties["status"]["const"] for properties in told}
    assert kinds == {kind: status for kind, (status, _) in KINDS.items()}


def test_every_kind_of_event_has_a_schema_of_its_own(document: dict[str, Any]) -> None:
    event = document["components"]["schemas"]["Envelope"]["properties"]["event"]
    assert set(event["discriminator"]["mapping"]) == EVENT_KINDS


def test_streams_say_what_they_carry(document: dict[str, Any]) -> None:
    streams = [operation for _, operation in operations(document) if "x-event-stream" in operation]
    assert {"*", "reset", "lagged", "closing"} <= set(streams[0]["x-event-stream"])
    socket = document["paths"]["/v1/events/ws"]["get"]["x-websocket"]
    assert set(socket["client"]) == {"subscribe", "unsubscribe", "ping"}
    assert set(socket["server"]) == {"snapshot", "event", "lagged", "reset", "closing", "pong", "error"}


def test_forms_of_secrets_are_those_that_are_checked() -> None:
    assert about_config.NAME_FORM == secret_changes.NAME_FORM
    assert about_config.SECRET_CHARS == secret_changes.MAX_SECRET_CHARS
    assert about_config.SECRETS == secret_changes.MAX_SECRETS


def test_patterns_are_understood_by_python_too(document: dict[str, Any]) -> None:
    for pattern in re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(document)):
        re.compile(json.loads(f'"{pattern}"'))


def test_whole_configuration_is_a_patch(document: dict[str, Any]) -> None:
    check = validator(document, {"$ref": f"{PLACE}ConfigPatch"})
    whole = Configuration().wire()
    assert check.is_valid(whole)
    for name, part in whole.items():
        assert check.is_valid({name: part})
        for field, value in part.items():
            assert check.is_valid({name: {field: value}}), f"{name}.{field}"
            assert check.is_valid({name: {field: None}}), f"{name}.{field}"


@pytest.mark.parametrize(
    "patch",
    [
        {"no_document": {}},
        {"app_profile": {"no_field": 1}},
        {"app_profile": {"tls": {"cert_file": 1}}},
        {"engine_profile": {"listen_port": 65_536}},
        {"engine_profile": {"alt_speed": {"schedule": [{"days": []}]}}},
        {"label_policies": {"tags": {"films": {"seed_ratio_limit": -1}}}},
        {"secrets": {"UPPER": "x"}},
        {"secrets": {"name": ""}},
        {"api_keys": []},
    ],
)
def test_patch_out_of_bounds_is_none(document: dict[str, Any], patch: Any) -> None:
    assert not validator(document, {"$ref": f"{PLACE}ConfigPatch"}).is_valid(patch)


def test_patch_of_nested_documents_needs_nothing(document: dict[str, Any]) -> None:
    check = validator(document, {"$ref": f"{PLACE}ConfigPatch"})
    assert check.is_valid({"app_profile": {"tls": {"key_file": "/etc/key.pem"}, "telemetry": None}})
    assert check.is_valid({"label_policies": {"tags": {"films": {"cleanup": {"ratio": 2.0}}, "old": None}}})
