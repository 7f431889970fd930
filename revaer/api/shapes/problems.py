"""Problem documents (RFC 9457)."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict


class InvalidParamShape(TypedDict):
    """One wrong value."""

    pointer: str
    """JSON Pointer into the body; `/query/…`, `/header/…` and `/path/…` point into the rest of the request."""
    message: str


class ProblemShape(TypedDict):
    """Why a call was refused."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    """Names the kind of problem, for programs."""
    title: str
    """The kind of problem, for people."""
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What happened this time, for people."""
    instance: str
    """The id of the request; the log has it too."""
    invalid_params: NotRequired[list[InvalidParamShape]]
    """Every value that is wrong."""
    context: NotRequired[dict[str, Any]]
    """Further facts, for programs."""
