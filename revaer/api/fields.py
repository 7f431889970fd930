"""The kinds of values in bodies, with the limits of the contract, and how a refusal names what is wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from revaer.api import settings
from revaer.api.call import escape
from revaer.api.errors import InvalidBody, InvalidParam

T = TypeVar("T")

TRACKER_SCHEMES = frozenset({"http", "https", "udp", "ws", "wss"})
WEB_SEED_SCHEMES = frozenset({"http", "https"})
SCOPED = {"private", "source"}


class Body(BaseModel):
    """A body: types are strict, unknown fields are refused, and errors never repeat what was sent."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, defer_build=False)


def validate(adapter: TypeAdapter[T], value: object) -> T:
    """Hold a value against its model.

    Raises:
        InvalidBody: some of it cannot be accepted; every wrong value is named by a JSON Pointer.
    """
    if isinstance(value, dict) and len(value) > settings.BODY_FIELDS:
        raise InvalidBody([InvalidParam("", f"must have at most {settings.BODY_FIELDS} fields")])
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        raise InvalidBody([InvalidParam(pointer(detail["loc"]), _message(detail)) for detail in details]) from None


def pointer(path: Sequence[str | int]) -> str:
    """Write a path into a body as a JSON Pointer."""
    return "".join(f"/{escape(str(step))}" for step in path if step != "[key]")


def _message(detail: Any) -> str:
    if detail["type"] == "extra_forbidden":
        if detail["loc"][-1] in SCOPED:
            return "would change the info-hash of an existing torrent; only a new one can have it"
        return "is no field of this call"
    if detail["type"] == "missing":
        return "is needed"
    return str(detail["msg"]).removeprefix("Value error, ")


def _clean(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must not have control characters")
    return text


def _no_commas(text: str) -> str:
    if "," in text or text != text.strip():
        raise ValueError("must not have commas, or spaces around it")
    return _clean(text)


def _file_name(text: str) -> str:
    if "/" in text or "\\" in text or text in (".", ".."):
        raise ValueError("must not be a path")
    if len(text.encode()) > settings.NAME_BYTES:
        raise ValueError(f"must have at most {settings.NAME_BYTES} bytes")
    return _clean(text)


def _directory(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    if ".." in text.split("/"):
        raise ValueError("must not have '..' in it")
    if len(text.encode()) > settings.PATH_BYTES:
        raise ValueError(f"must have at most {settings.PATH_BYTES} bytes")
    return _clean(text)


def _url(text: str, schemes: frozenset[str]) -> str:
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_whole = False
        parts = urlsplit("")
    if not is_whole or parts.scheme not in schemes or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"must be a URL with {', '.join(sorted(schemes))}")
    return text


def _magnet(text: str) -> str:
    if not text.lower().startswith("magnet:?"):
        raise ValueError("must be a magnet link")
    if len(text.encode()) > settings.MAGNET_BYTES:
        raise ValueError(f"must have at most {settings.MAGNET_BYTES} bytes")
    return text


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


def _index(text: str) -> str:
    if not (text.isascii() and text.isdigit()) or len(text) > 7 or str(int(text)) != text:
        raise ValueError("must be the index of a file")
    return text


DISTINCT = AfterValidator(_distinct)
Line = Annotated[str, Field(max_length=settings.KEY_LABEL_CHARS), AfterValidator(_clean)]
Tag = Annotated[str, Field(min_length=1, max_length=settings.TAG_CHARS), AfterValidator(_no_commas)]
Tags = Annotated[list[Tag], Field(max_length=settings.TAGS), DISTINCT]
Glob = Annotated[str, Field(min_length=1, max_length=settings.GLOB_CHARS), AfterValidator(_clean)]
Globs = Annotated[list[Glob], Field(max_length=settings.GLOBS)]
Tracker = Annotated[str, Field(max_length=settings.URL_CHARS), AfterValidator(lambda text: _url(text, TRACKER_SCHEMES))]
Trackers = Annotated[list[Tracker], Field(max_length=settings.TRACKERS), DISTINCT]
WebSeed = Annotated[
    str, Field(max_length=settings.URL_CHARS), AfterValidator(lambda text: _url(text, WEB_SEED_SCHEMES))
]
WebSeeds = Annotated[list[WebSeed], Field(max_length=settings.TRACKERS), DISTINCT]
Name = Annotated[str, Field(min_length=1), AfterValidator(_file_name)]
Comment = Annotated[str, Field(max_length=settings.COMMENT_CHARS)]
Directory = Annotated[str, Field(min_length=1), AfterValidator(_directory)]
Magnet = Annotated[str, AfterValidator(_magnet)]
Rate = Annotated[int, Field(ge=0, le=settings.RATE_MAX)]
Count = Annotated[int, Field(ge=0, le=settings.RATE_MAX)]
Connections = Annotated[int, Field(ge=2, le=65_535)]
Ratio = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
PriorityName = Literal["skip", "low", "normal", "high"]
Priorities = dict[Annotated[str, AfterValidator(_index)], PriorityName]
