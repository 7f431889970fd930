"""The bodies of actions and selections, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from revaer.api import fields
from revaer.api.errors import InvalidBody, InvalidParam
from revaer.api.schema_add import allowed_directory, selection_rules
from revaer.api.settings import ApiSettings
from revaer.session import messages as session
from revaer.types import Descriptor, SelectionRules


class _Plain(fields.Body):
    type: str


class _Remove(_Plain):
    delete_data: bool = False


class _Sequential(_Plain):
    enable: bool


class _Rate(_Plain):
    download_bps: fields.Rate | None = None
    upload_bps: fields.Rate | None = None


class _Move(_Plain):
    download_dir: fields.Directory


class _PieceDeadline(_Plain):
    piece: fields.Count
    deadline_ms: fields.Count


class _Queue(_Plain):
    position: fields.Count | Literal["top", "bottom", "up", "down"]


class _Select(fields.Body):
    include: fields.Globs = Field(default_factory=list)
    exclude: fields.Globs = Field(default_factory=list)
    skip_fluff: bool = False
    priorities: fields.Priorities = Field(default_factory=dict)


class _RemoveOnly(fields.Body):
    delete_data: bool = False


class Removal:
    """The action that is none of the session's `Action`s: the torrent goes, with `delete_data` its payload too."""

    __slots__ = ("delete_data",)

    def __init__(self, *, delete_data: bool) -> None:
        self.delete_data = delete_data


_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    "pause": TypeAdapter(_Plain),
    "resume": TypeAdapter(_Plain),
    "remove": TypeAdapter(_Remove),
    "reannounce": TypeAdapter(_Plain),
    "recheck": TypeAdapter(_Plain),
    "sequential": TypeAdapter(_Sequential),
    "rate": TypeAdapter(_Rate),
    "move": TypeAdapter(_Move),
    "piece_deadline": TypeAdapter(_PieceDeadline),
    "queue": TypeAdapter(_Queue),
}
_SELECT: TypeAdapter[_Select] = TypeAdapter(_Select)
_REMOVE: TypeAdapter[_RemoveOnly] = TypeAdapter(_RemoveOnly)


def parse_action(document: object, descriptor: Descriptor, settings: ApiSettings) -> session.Action | Removal:
    """Read an action.

    Args:
        document: the JSON body.
        descriptor: the torrent it is for; what a partial action leaves out stays as it is there.
        settings: where torrents may be put.

    Raises:
        InvalidBody: some of it cannot be accepted.
    """
    kind = document.get("type") if isinstance(document, dict) else None
    adapter = _ADAPTERS.get(kind) if isinstance(kind, str) else None
    if adapter is None:
        where = "/type" if isinstance(document, dict) else ""
        raise InvalidBody([InvalidParam(where, f"must be one of {', '.join(_ADAPTERS)}")])
    body = fields.validate(adapter, document)
    if isinstance(body, _Rate):
        return _rate(body, descriptor)
    if isinstance(body, _Move):
        return session.Move(allowed_directory(body.download_dir, settings))
    return _BUILDERS[str(kind)](body)


def parse_removal(document: object) -> bool:
    """Read the optional body of a deletion; return whether the payload goes too. Raises: InvalidBody."""
    return fields.validate(_REMOVE, document).delete_data


def parse_selection(document: object) -> SelectionRules:
    """Read a rule set. Raises: InvalidBody."""
    body = fields.validate(_SELECT, document)
    return selection_rules(body.include, body.exclude, body.priorities, skip_fluff=body.skip_fluff)


def _rate(body: _Rate, descriptor: Descriptor) -> session.SetRate:
    given = body.model_fields_set
    if not given & {"download_bps", "upload_bps"}:
        raise InvalidBody([InvalidParam("", "download_bps or upload_bps is needed; null is unlimited")])
    return session.SetRate(
        download_bps=(body.download_bps or None) if "download_bps" in given else descriptor.max_download_bps,
        upload_bps=(body.upload_bps or None) if "upload_bps" in given else descriptor.max_upload_bps,
    )


_BUILDERS: Mapping[str, Callable[[Any], session.Action | Removal]] = {
    "pause": lambda _: session.Pause(),
    "resume": lambda _: session.Resume(),
    "remove": lambda body: Removal(delete_data=body.delete_data),
    "reannounce": lambda _: session.Reannounce(),
    "recheck": lambda _: session.Recheck(),
    "sequential": lambda body: session.SetSequential(body.enable),
    "piece_deadline": lambda body: session.SetPieceDeadline(body.piece, body.deadline_ms),
    "queue": lambda body: session.Queue(body.position),
}
