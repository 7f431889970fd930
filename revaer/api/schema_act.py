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
from revaer.types import SelectionRules


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


class SelectBody(fields.Body):
    """Which files of a torrent are wanted; it replaces what was said before."""

    include: fields.Globs = Field(default_factory=list)
    exclude: fields.Globs = Field(default_factory=list)
    skip_fluff: bool = False
    priorities: fields.Priorities = Field(default_factory=dict)


class RemoveBody(fields.Body):
    """Whether the payload goes with its torrent."""

    delete_data: bool = False


class Removal:
    """The action that is none of the session's `Action`s: the torrent goes, with `delete_data` its payload too."""

    __slots__ = ("delete_data",)

    def __init__(self, *, delete_data: bool) -> None:
        self.delete_data = delete_data


ACTION_BODIES: Mapping[str, type[fields.Body]] = {
    "pause": _Plain,
    "resume": _Plain,
    "remove": _Remove,
    "reannounce": _Plain,
    "recheck": _Plain,
    "sequential": _Sequential,
    "rate": _Rate,
    "move": _Move,
    "piece_deadline": _PieceDeadline,
    "queue": _Queue,
}
"""What each action takes, by its `type`."""

_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {kind: TypeAdapter(body) for kind, body in ACTION_BODIES.items()}
_SELECT: TypeAdapter[SelectBody] = TypeAdapter(SelectBody)
_REMOVE: TypeAdapter[RemoveBody] = TypeAdapter(RemoveBody)


def parse_action(document: object, settings: ApiSettings) -> session.Action | Removal:
    """Read an action.

    Args:
        document: the JSON body.
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
        return _rate(body)
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


def _rate(body: _Rate) -> session.SetRate:
    """Read caps: null is unlimited, whatever the torrent's labels say, and a direction that is left out stays."""
    given = {name: getattr(body, name) or 0 for name in ("download_bps", "upload_bps") if name in body.model_fields_set}
    if not given:
        raise InvalidBody([InvalidParam("", "download_bps or upload_bps is needed; null is unlimited")])
    return session.SetRate(**given)


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
