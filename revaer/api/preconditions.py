"""Conditions on the configuration's revision: the header fields ETag and If-Match."""

from __future__ import annotations

import re
from typing import Final

from revaer.api.call import Call
from revaer.api.errors import InvalidParam, MalformedRequest

_REVISION: Final = re.compile(r'"(0|[1-9][0-9]{0,18})"')


def etag(revision: int) -> dict[str, str]:
    """Return the header field that names a revision."""
    return {"etag": f'"{revision}"'}


def expected_revision(call: Call) -> int | None:
    """Return the revision that a change is meant for; None when any will do.

    Raises:
        MalformedRequest: `If-Match` is there and is not one revision in quotes, or `*`.
    """
    values = call.all_values("if-match")
    if not values:
        return None
    text = values[0].strip()
    if len(values) == 1 and text == "*":
        return None
    match = _REVISION.fullmatch(text)
    if match is None or len(values) > 1:
        message = 'should be one revision in quotes, such as "5"'
        raise MalformedRequest("the If-Match header cannot be understood", [InvalidParam("/header/if-match", message)])
    return int(match[1])
