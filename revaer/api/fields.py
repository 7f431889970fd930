"""The kinds of values in bodies, with the limits of the contract, and how a refusal names what is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from revaer.api import settings
from revaer.api.call import escape
from revaer.api.errors import InvalidBody, InvalidParam

T = TypeVar("T")

TRACKER_SCHEMES = frozenset({"http", "https", "udp", "ws", "wss"})
WEB_SEED_SCHEMES = frozenset({"http", "https"})
SCOPED = {"private", "source"}

PriorityName = Literal["skip", "low", "normal", "high"]
_PRIORITIES = get_args(PriorityName)
_INDEX = re.compile("0|[1-9][0-9]{0,6}", re.ASCII)
NO_FIELD = "is no field of this call"
_SHOWN = 32
"""How many wrong priorities a refusal names."""


class Body(BaseModel):
    """A body: types are strict, unknown fields are refused, and errors never repeat what was sent. The text below a
    field describes it in the OpenAPI document."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, defer_build=False)


class NoBody(Body):
    """A body that says nothing."""


def validate(adapter: TypeAdapter[T], value: object) -> T:
    """Hold a value against its model.

    Raises:
        InvalidBody: some of it cannot be accepted; every wrong value is named by a JSON Pointer.
    """
    wide = next(_too_wide(value, ()), None)
    if wide is not None:
        raise InvalidBody([InvalidParam(pointer(wide), f"must have at most {settings.BODY_FIELDS} fields")])
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        wrong: dict[str, list[str]] = {}
        for detail in details:
            wrong.setdefault(pointer(_within(value, detail)), []).append(_message(detail))
        raise InvalidBody([InvalidParam(place, "; or: ".join(told)) for place, told in wrong.items()]) from None


def _too_wide(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Name objects with more fields than any model has: each unknown field would be told of. What counts files has a
    bound of its own."""
    if isinstance(value, dict):
        if len(value) > settings.BODY_FIELDS and path[-1:] != ("priorities",):
            yield path
            return
        for name, item in value.items():
            if isinstance(item, dict | list):
                yield from _too_wide(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                yield from _too_wide(item, (*path, index))


def _within(value: object, detail: Any) -> list[str | int]:
    """Return the path to what is wrong in a body: where a field may be of several kinds, the model's own path names
    the kind too, which is no part of the body."""
    path: list[str | int] = []
    last = len(detail["loc"]) - 1
    for at, step in enumerate(detail["loc"]):
        if isinstance(value, dict) and (step in value or (at == last and detail["type"] == "missing")):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        path.append(step)
    return path


def pointer(path: Sequence[str | int]) -> str:
    """Write a path into a body as a JSON Pointer."""
    return "".join(f"/{escape(str(step))}" for step in path if step != "[key]")


def _message(detail: Any) -> str:
    if detail["type"] == "extra_forbidden":
        if detail["loc"][-1] in SCOPED:
            return "would change the info-hash of an existing torrent; only a new one can have it"
        return NO_FIELD
    if detail["type"] == "missing":
        return "is needed"
    return str(detail["msg"]).removeprefix("Value error, ")


def _clean(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must not have control characters")
    return text


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not have a NUL in it")
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
    return _storable(text)


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


def _index(text: str) -> str:
    if not _INDEX.fullmatch(text):
        raise ValueError("must be the index of a file")
    return text


def _first_wrong(value: object) -> object:
    """Return what says the same of priorities, with no more wrong ones than a refusal names."""
    if not isinstance(value, dict) or len(value) > settings.PRIORITIES:
        return value
    wrong = {key: name for key, name in value.items() if name not in _PRIORITIES or not _INDEX.fullmatch(key)}
    return dict(islice(wrong.items(), _SHOWN)) if len(wrong) > _SHOWN else value


def _shown(pattern: str, **more: Any) -> Any:
    """Return what a JSON Schema says of a text beside its bounds; the validator after it decides."""
    return {"pattern": pattern, **more}


def _url_pattern(schemes: frozenset[str]) -> Any:
    return _shown(f"^({'|'.join(sorted(schemes))})://[!-~]+$")


_CONTROL = r"\x00-\x1f\x7f-\x9f"
_CLEAN = _shown(f"^[^{_CONTROL}]*$")
LABEL_FORM = rf"^[^,\s{_CONTROL}]([^,{_CONTROL}]*[^,\s{_CONTROL}])?$"
_LABEL = _shown(LABEL_FORM)
_FILE_NAME = _shown(rf"^(?!\.{{1,2}}$)[^/\\{_CONTROL}]+$", **{"x-max-bytes": settings.NAME_BYTES})
_DIRECTORY = _shown(rf"^(/(?!\.\.(/|$))[^/{_CONTROL}]*)+$", **{"x-max-bytes": settings.PATH_BYTES})
_MAGNET = _shown(r"^[mM][aA][gG][nN][eE][tT]:\?", **{"x-max-bytes": settings.MAGNET_BYTES})

DISTINCT = AfterValidator(_distinct)
UNIQUE: Any = {"uniqueItems": True}
"""What `DISTINCT` is in a JSON Schema."""

Line = Annotated[str, Field(max_length=settings.KEY_LABEL_CHARS, json_schema_extra=_CLEAN), AfterValidator(_clean)]
Tag = Annotated[
    str, Field(min_length=1, max_length=settings.TAG_CHARS, json_schema_extra=_LABEL), AfterValidator(_no_commas)
]
Tags = Annotated[list[Tag], Field(max_length=settings.TAGS, json_schema_extra=UNIQUE), DISTINCT]
Glob = Annotated[
    str, Field(min_length=1, max_length=settings.GLOB_CHARS, json_schema_extra=_CLEAN), AfterValidator(_clean)
]
Globs = Annotated[list[Glob], Field(max_length=settings.GLOBS)]
Tracker = Annotated[
    str,
    Field(max_length=settings.URL_CHARS, json_schema_extra=_url_pattern(TRACKER_SCHEMES)),
    AfterValidator(lambda text: _url(text, TRACKER_SCHEMES)),
]
Trackers = Annotated[list[Tracker], Field(max_length=settings.TRACKERS, json_schema_extra=UNIQUE), DISTINCT]
WebSeed = Annotated[
    str,
    Field(max_length=settings.URL_CHARS, json_schema_extra=_url_pattern(WEB_SEED_SCHEMES)),
    AfterValidator(lambda text: _url(text, WEB_SEED_SCHEMES)),
]
WebSeeds = Annotated[list[WebSeed], Field(max_length=settings.TRACKERS, json_schema_extra=UNIQUE), DISTINCT]
Name = Annotated[str, Field(min_length=1, json_schema_extra=_FILE_NAME), AfterValidator(_file_name)]
Comment = Annotated[
    str, Field(max_length=settings.COMMENT_CHARS, json_schema_extra=_shown(r"^[^\x00]*$")), AfterValidator(_storable)
]
Directory = Annotated[str, Field(min_length=1, json_schema_extra=_DIRECTORY), AfterValidator(_directory)]
Magnet = Annotated[str, Field(json_schema_extra=_MAGNET), AfterValidator(_magnet)]
Rate = Annotated[int, Field(ge=0, le=settings.RATE_MAX, json_schema_extra={"x-unit": "bytes per second"})]
Count = Annotated[int, Field(ge=0, le=settings.RATE_MAX)]
Connections = Annotated[int, Field(ge=2, le=65_535)]
Ratio = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Priorities = Annotated[
    dict[
        Annotated[str, Field(json_schema_extra=_shown("^(0|[1-9][0-9]{0,6})$")), AfterValidator(_index)], PriorityName
    ],
    Field(max_length=settings.PRIORITIES),
    BeforeValidator(_first_wrong),
]
