"""The kinds of values in shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler

from revaer.types import TorrentId


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Says in an annotation that of an object's keys only `kept` is always there."""

    kept: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of the whole object with its other keys optional."""
        whole = handler.resolve_ref_schema(handler(core_schema))
        return {name: part for name, part in whole.items() if name != "title"} | {"required": [self.kept]}


Id = Annotated[TorrentId, Field(json_schema_extra={"format": "uuid"})]
"""A UUID in its canonical text."""

InfoHashText = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
"""An info-hash in lower-case hexadecimal: 40 digits of v1, 64 of v2."""

Moment = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""A point in time, RFC 3339 in UTC."""

EventIdText = Annotated[str, Field(pattern=r"^[0-9]+-[0-9]+$")]
"""The id of an event; opaque, and growing."""

Bytes = Annotated[int, Field(ge=0, json_schema_extra={"x-unit": "bytes"})]
Rate = Annotated[int, Field(ge=0, json_schema_extra={"x-unit": "bytes per second"})]
Seconds = Annotated[int, Field(ge=0, json_schema_extra={"x-unit": "seconds"})]
Duration = Annotated[float, Field(ge=0, json_schema_extra={"x-unit": "seconds"})]
Milliseconds = Annotated[float, Field(ge=0, json_schema_extra={"x-unit": "milliseconds"})]
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100, json_schema_extra={"x-unit": "percent"})]
