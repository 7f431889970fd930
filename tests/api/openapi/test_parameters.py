"""The parameters that the document names are those that calls take, with the bounds that they keep."""

from __future__ import annotations

from typing import Any

from revaer.api.app import ROUTES
from revaer.api.openapi.document import path_of
from revaer.api.routing import Route
from tests.api.conftest import Running, StartApi
from tests.support.conformity import document
from tests.support.problem_documents import assert_problem

PARTS = {"id": "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6", "name": "films", "document": "fs_policy"}


def operation(route: Route[Any]) -> dict[str, Any]:
    """What is said of a route."""
    found: dict[str, Any] = document()["paths"][path_of(route)][route.method.lower()]
    return found


def parameters(route: Route[Any], place: str) -> dict[str, dict[str, Any]]:
    """The parameters of a route in one place, by name."""
    shared = document()["components"]["parameters"]
    given = [shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in operation(route)["parameters"]]
    return {parameter["name"]: parameter for parameter in given if parameter["in"] == place}


def url(route: Route[Any]) -> str:
    """A path that the route has."""
    return path_of(route).format(**PARTS)


async def test_calls_take_the_parameters_that_are_told(api: Running) -> None:
    """A call that refuses an unknown parameter says which it knows."""
    for route in ROUTES:
        answer = await api.http.request(route.method, url(route), params={"no-such-parameter": "1"})
        refusal = assert_problem(answer, 400, "bad-request", "/query/no-such-parameter")
        listed = refusal["invalid_params"][0]["message"].rpartition("there are ")[2]
        known = set() if listed == "none" else set(listed.split(", "))
        keys = {"ticket"} if any("ticket" in scheme for scheme in operation(route)["security"]) else set()
        assert known == set(parameters(route, "query")) | keys, route


async def test_numbers_beyond_their_bounds_are_refused(api: Running) -> None:
    count = 0
    for route in ROUTES:
        for name, parameter in parameters(route, "query").items():
            schema = parameter["schema"]
            for value in [schema[bound] + step for bound, step in (("minimum", -1), ("maximum", 1)) if bound in schema]:
                answer = await api.http.request(route.method, url(route), params={name: value})
                assert_problem(answer, 400, "bad-request", f"/query/{name}")
                count += 1
    assert count


async def test_words_that_are_none_of_a_choice_are_refused(api: Running) -> None:
    count = 0
    for route in ROUTES:
        for name, parameter in parameters(route, "query").items():
            schema = parameter["schema"]
            if "enum" in schema or "enum" in schema.get("items", {}) or schema.get("type") == "boolean":
                answer = await api.http.request(route.method, url(route), params={name: "no-such-word"})
                assert_problem(answer, 400, "bad-request", f"/query/{name}")
                count += 1
    assert count


async def test_calls_that_name_a_scope_want_a_key(start_api: StartApi) -> None:
    async with start_api(key=None) as api:
        for route in ROUTES:
            answer = await api.http.request(route.method, url(route), params={"no-such-parameter": "1"})
            if route.scope is None:
                assert_problem(answer, 400, "bad-request", "/query/no-such-parameter")
            else:
                assert_problem(answer, 401, "unauthorized")
