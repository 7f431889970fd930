"""The call that looks into directories of the node: those below which torrents may be put, and no others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from revaer.api import fields
from revaer.api.browsing import Entry, Listing, Look, decode_cursor, encode_cursor, list_directory, list_roots
from revaer.api.call import Answer, Call, json_reply
from revaer.api.errors import NoSuchItem, NotReady, PlaceRefused
from revaer.api.filters import parse_flag, parse_limit, refuse
from revaer.api.services import Services
from revaer.api.views import rfc3339
from revaer.confined import OutsideRoots, shown, what_is_wrong

BROWSE_SECONDS: Final = 5.0
QUERY: Final = frozenset({"path", "cursor", "limit", "dirs_only"})

_LATEST: Final = 253_402_300_799.0
_PATH: TypeAdapter[str] = TypeAdapter(fields.Directory)


async def browse(call: Call, services: Services) -> Answer:
    """Look into a directory of the node, or list the directories that may be looked into."""
    query = call.query(QUERY)
    roots = tuple(map(str, services.settings.payload_roots))
    look = _look(query, roots)
    if "path" not in query:
        if "cursor" in query:
            refuse("cursor", "needs the path of its directory")
        entries = await services.browsing.run(list_roots, roots, within=BROWSE_SECONDS)
        return json_reply({"entries": [_row(entry, "") for entry in entries]})
    try:
        listing = await services.browsing.run(list_directory, look, within=BROWSE_SECONDS)
    except OutsideRoots as error:
        raise PlaceRefused("this lies outside of download_root and of fs_policy.allow_paths") from error
    except OSError as error:
        raise _problem(look.path, error) from error
    return json_reply(_page(look, listing))


def _look(query: Mapping[str, str], roots: tuple[str, ...]) -> Look:
    try:
        path = _PATH.validate_python(query.get("path", "/"))
    except ValidationError as error:
        refuse("path", str(error.errors()[0]["msg"]).removeprefix("Value error, "))
    dirs_only = parse_flag("dirs_only", query.get("dirs_only", "false"))
    look = Look(path, roots, parse_limit(query.get("limit")), dirs_only=dirs_only)
    if "cursor" not in query:
        return look
    try:
        return replace(look, after=decode_cursor(look, query["cursor"]))
    except ValueError as error:
        refuse("cursor", str(error))


def _problem(path: str, error: OSError) -> Exception:
    if isinstance(error, FileNotFoundError):
        return NoSuchItem(f"there is no directory {path}")
    if isinstance(error, NotADirectoryError):
        return NoSuchItem(f"{path} is no directory")
    if isinstance(error, PermissionError):
        return PlaceRefused(f"the daemon may not read {path}")
    return NotReady(f"{path}: {what_is_wrong(error)}", retry_after=5.0)


def _page(look: Look, listing: Listing) -> dict[str, Any]:
    above = os.path.dirname(listing.path)  # noqa: PTH120  # a plain string stays one
    document: dict[str, Any] = {
        "path": shown(listing.path),
        "entries": [_row(entry, listing.path) for entry in listing.entries],
    }
    if above != listing.path:
        document["parent"] = shown(above)
    if listing.next is not None:
        document["next"] = encode_cursor(look, listing.next)
    return document


def _row(entry: Entry, directory: str) -> dict[str, Any]:
    """Return one entry. A name that is no text is shown escaped, and has no path: it cannot be asked for."""
    path = entry.name if not directory else f"{directory.rstrip('/')}/{entry.name}"
    row: dict[str, Any] = {"name": shown(entry.name), "kind": entry.kind}
    if shown(path) == path:
        row["path"] = path
    if entry.size is not None:
        row["size_bytes"] = entry.size
    if entry.modified_at is not None and 0 <= entry.modified_at <= _LATEST:
        row["modified_at"] = rfc3339(entry.modified_at)
    return row
