"""What is to be said of a call beside its route: parameters, bodies and answers, as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value beside the body.

    Attributes:
        name: its name on the wire.
        place: where it stands.
        type: an annotation; a list is written with commas.
        text: what it is for.
        required: whether the call is refused without it.
        example: a value that it may have.
    """

    name: str
    type: Any
    text: str
    place: Literal["query", "header", "path"] = "query"
    required: bool = False
    example: Any = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a call takes.

    Attributes:
        types: the annotation of the body by media type.
        required: whether the call is refused without it.
        examples: bodies by name, for JSON.
        text: what it is.
        encoding: how the parts of a form are written, by name.
    """

    types: Mapping[str, Any]
    required: bool = True
    examples: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    encoding: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A call that an answer leads to: its operation id, and the parameters as runtime expressions."""

    operation: str
    parameters: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal.

    Attributes:
        status: the HTTP status.
        text: what it means.
        type: the annotation of the body; None when there is none.
        media_types: what the body may be.
        headers: names of header fields that it has beside those of every answer.
        example: a body.
        links: calls that it leads to, by name.
    """

    status: int
    text: str
    type: Any = None
    media_types: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()
    example: Any = None
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A call.

    Attributes:
        route: method and path, as in the table of routes.
        id: its operation id.
        tag: what it is about.
        answers: what it may answer.
        parameters: what it takes in the query and in header fields; those of the path are known by name.
        body: what it takes.
        problems: the kinds of refusals that are its own; those of every call of its sort are added.
        security: the schemes that let a caller in, when the scope of the route does not say it; an empty one is nobody.
        summary: in place of the first sentence of the handler's docstring.
        text: what else is to be said.
        frames: what a stream of server-sent events carries as data, by the name of the frame; `*` are events.
        messages: what a WebSocket carries: `client` and `server`, each by the name of the message.
    """

    route: str
    id: str
    tag: str
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[str, ...] = ()
    security: tuple[Mapping[str, list[str]], ...] | None = None
    summary: str = ""
    text: str = ""
    frames: Mapping[str, Any] = field(default_factory=dict)
    messages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
