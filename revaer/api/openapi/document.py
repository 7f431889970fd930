"""Puts the document together: routes, what the tables say of them, and the schemas of every type in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from revaer import __version__
from revaer.api.openapi.components import READ, WRITTEN, Components, Mode, name_of, references
from revaer.api.openapi.front import INFO, SECURITY, TAGS, security_of, takes_key
from revaer.api.openapi.headers import EVERY, HEADERS, KEYED, ONCE, header_references
from revaer.api.openapi.operation import Answer, Body, Link, Operation, Parameter
from revaer.api.openapi.parameters import IDEMPOTENCY_KEY, IF_NONE_MATCH, PATH, REQUEST_ID, SHARED
from revaer.api.openapi.prose import described
from revaer.api.openapi.refusals import kinds_of, problem_schemas, refusals, response, response_name
from revaer.api.routing import Route
from revaer.api.shapes.problems import ProblemShape

_PART = re.compile(r"\{(?:\w+:)?(\w+)\}")

_MODES: Final[Mapping[str, Mode]] = {"client": READ, "server": WRITTEN}
NOT_MODIFIED: Final = Answer(304, "The client has it already.", headers=("etag",))


class Undocumented(Exception):
    """A route has no operation, or an operation no route."""


def assemble(routes: Sequence[Route[Any]], operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of a table of routes.

    Raises:
        Undocumented: the tables do not agree.
    """
    by_route = {operation.route: operation for operation in operations}
    pairs = [(route, by_route.pop(f"{route.method} {route.path}", None)) for route in routes]
    silent = [f"{route.method} {route.path}" for route, operation in pairs if operation is None]
    if silent or by_route:
        raise Undocumented(f"without an operation: {silent}; without a route: {list(by_route)}")
    known = [(route, operation) for route, operation in pairs if operation is not None]
    components = Components()
    components.want(ProblemShape, WRITTEN)
    for route, operation in known:
        _want(components, route, operation)
    components.write()
    return _Writer(components).document(known)


def path_of(route: Route[Any]) -> str:
    """Return a route's path as the document has it: variable parts without converters."""
    return _PART.sub(r"{\1}", route.path)


def parameters_of(route: Route[Any], operation: Operation) -> tuple[Parameter, ...]:
    """Return every parameter of a call: those of its path, its own, and those of every call."""
    own = {(parameter.place, parameter.name) for parameter in operation.parameters}
    path = [PATH[name] for name in _PART.findall(route.path) if ("path", name) not in own]
    tagged = (IF_NONE_MATCH,) if _is_tagged(route, operation) else ()
    once = (IDEMPOTENCY_KEY,) if route.creates else ()
    return (*path, *operation.parameters, *tagged, *once, REQUEST_ID)


def answers_of(route: Route[Any], operation: Operation) -> tuple[Answer, ...]:
    """Return every answer that is no refusal; what has an entity tag need not be sent again."""
    return (*operation.answers, NOT_MODIFIED) if _is_tagged(route, operation) else operation.answers


def _is_tagged(route: Route[Any], operation: Operation) -> bool:
    return route.method == "GET" and any("etag" in answer.headers for answer in operation.answers)


def _want(components: Components, route: Route[Any], operation: Operation) -> None:
    for parameter in parameters_of(route, operation):
        components.want(parameter.type, READ)
    for answer in operation.answers:
        if answer.type is not None:
            components.want(answer.type, WRITTEN)
    if operation.body is not None:
        for annotation in operation.body.types.values():
            components.want(annotation, READ)
    for annotation in operation.frames.values():
        components.want(annotation, WRITTEN)
    for side, messages in operation.messages.items():
        for annotation in messages.values():
            components.want(annotation, _MODES[side])


class _Writer:
    def __init__(self, components: Components) -> None:
        self._components = components
        self._responses: dict[str, Any] = {}
        self._parameters: dict[str, Any] = {}

    def document(self, known: Sequence[tuple[Route[Any], Operation]]) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for route, operation in known:
            paths.setdefault(path_of(route), {})[route.method.lower()] = self._operation(route, operation)
        schemas = self._components.schemas | problem_schemas()
        return {
            "openapi": "3.1.0",
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "info": {**INFO, "version": __version__},
            "servers": [{"url": "/", "description": "This node"}],
            "tags": TAGS,
            "paths": paths,
            "components": {
                "schemas": _reachable(schemas, [*references(paths), *references(problem_schemas())]),
                "parameters": dict(sorted(self._parameters.items())),
                "responses": dict(sorted(self._responses.items())),
                "headers": HEADERS,
                "securitySchemes": SECURITY,
            },
        }

    def _operation(self, route: Route[Any], operation: Operation) -> dict[str, Any]:
        summary, text = described(route.handler)
        keyed, once = KEYED if takes_key(route, operation) else (), ONCE if route.creates else ()
        always = header_references((*EVERY, *keyed, *once))
        paragraphs = [text, operation.text, _scope(route)]
        written: dict[str, Any] = {
            "operationId": operation.id,
            "summary": operation.summary or summary,
            "description": "\n\n".join(part for part in paragraphs if part),
            "tags": [operation.tag],
            "security": security_of(route, operation),
            "parameters": [self._parameter_reference(one) for one in parameters_of(route, operation)],
            "responses": {
                **{str(answer.status): self._answer(answer, always) for answer in answers_of(route, operation)},
                **{status: self._refusal(kinds) for status, kinds in refusals(kinds_of(operation, route)).items()},
            },
            **self._streams(operation),
        }
        if operation.body is not None:
            written["requestBody"] = self._body(operation.body)
        return written

    def _streams(self, operation: Operation) -> dict[str, Any]:
        """Write what streams carry; OpenAPI has no words for it."""
        written: dict[str, Any] = {}
        if operation.frames:
            written["x-event-stream"] = {name: self._data(one, WRITTEN) for name, one in operation.frames.items()}
        if operation.messages:
            written["x-websocket"] = {
                side: {name: self._data(one, _MODES[side]) for name, one in messages.items()}
                for side, messages in operation.messages.items()
            }
        return written

    def _data(self, annotation: Any, mode: Mode) -> dict[str, Any]:
        return {"schema": self._components.schema_of(annotation, mode)}

    def _refusal(self, kinds: tuple[str, ...]) -> dict[str, Any]:
        name = response_name(kinds)
        if name not in self._responses:
            self._responses[name] = response(kinds)
        return {"$ref": f"#/components/responses/{name}"}

    def _parameter_reference(self, parameter: Parameter) -> dict[str, Any]:
        """Write a parameter; those that many calls share are referred to."""
        name = next((name for name, shared in SHARED.items() if shared is parameter), None)
        if name is None:
            return self._parameter(parameter)
        self._parameters[name] = self._parameter(parameter)
        return {"$ref": f"#/components/parameters/{name}"}

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        schema = self._components.schema_of(parameter.type, READ)
        written: dict[str, Any] = {
            "name": parameter.name,
            "in": parameter.place,
            "description": parameter.text,
            "schema": schema,
        }
        if parameter.required:
            written["required"] = True
        if parameter.place == "query" and schema.get("type") == "array":
            written |= {"style": "form", "explode": False}
        if parameter.example is not None:
            written["example"] = parameter.example
        return written

    def _body(self, body: Body) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for media_type, annotation in body.types.items():
            content[media_type] = {"schema": self._components.schema_of(annotation, READ)}
            if body.examples and media_type.endswith("json"):
                content[media_type]["examples"] = {name: {"value": example} for name, example in body.examples.items()}
            if body.encoding and media_type.startswith("multipart/"):
                content[media_type]["encoding"] = dict(body.encoding)
        text = {"description": body.text} if body.text else {}
        return {**text, "required": body.required, "content": content}

    def _answer(self, answer: Answer, always: Mapping[str, Any]) -> dict[str, Any]:
        written: dict[str, Any] = {
            "description": answer.text,
            "headers": {**always, **header_references(answer.headers)},
        }
        if answer.type is not None:
            schema = self._components.schema_of(answer.type, WRITTEN)
            content: dict[str, Any] = {"schema": schema} if schema else {}
            if answer.example is not None:
                content["example"] = answer.example
            written["content"] = dict.fromkeys(answer.media_types, content)
        if answer.links:
            written["links"] = {name: _link(link) for name, link in answer.links.items()}
        return written


def _scope(route: Route[Any]) -> str:
    return "" if route.scope is None else f"Needs a key of the scope `{route.scope.value}`."


def _link(link: Link) -> dict[str, Any]:
    text = {"description": link.text} if link.text else {}
    return {"operationId": link.operation, "parameters": dict(link.parameters), **text}


def _reachable(schemas: Mapping[str, Any], begin: Iterable[str]) -> dict[str, Any]:
    """Keep the schemas that something refers to, by name."""
    found: set[str] = {name for name in schemas if name.startswith("Problem")}
    waiting = [name_of(reference) for reference in begin if reference.startswith("#/components/schemas/")]
    waiting += found
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += [one for one in map(name_of, references(schemas[name])) if one not in found]
    return {name: schemas[name] for name in sorted(found)}
