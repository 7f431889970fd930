"""The document `secrets` of a patch: new values by name, null removes. The values go no further than to their store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from revaer.config.pointers import escape
from revaer.config.problems import Problem

MAX_SECRETS: Final = 256
"""How many secrets one patch may change."""

MAX_SECRET_CHARS: Final = 16_384
"""How long a secret may be, in characters."""

NAME_FORM: Final = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
"""The form of a secret's name."""

_NAME: Final = re.compile(NAME_FORM.rstrip("$") + r"\Z")


def secret_changes(patch: Mapping[str, Any]) -> Mapping[str, str | None]:
    """Return what a patch does to secrets: new values by name, None removes. Call it for a patch that holds only what
    `secret_problems` has nothing against."""
    return dict(patch.get("secrets") or {})


def secret_problems(patch: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what is wrong with the secrets of a patch; no message holds a value."""
    secrets = patch.get("secrets", {})
    if not isinstance(secrets, Mapping):
        yield Problem("/secrets", "must be an object with the secrets to set, or null to remove, by name")
        return
    if len(secrets) > MAX_SECRETS:
        yield Problem("/secrets", f"must have at most {MAX_SECRETS} entries")
        return
    for name, value in secrets.items():
        pointer = f"/secrets/{escape(name)}"
        if _NAME.match(name) is None:
            yield Problem(pointer, f"must have a name of the form {NAME_FORM}")
        if value is None:
            continue
        if not isinstance(value, str):
            yield Problem(pointer, "must be a text, or null to remove it")
        elif not 1 <= len(value) <= MAX_SECRET_CHARS:
            yield Problem(pointer, f"must have 1 to {MAX_SECRET_CHARS} characters")
        elif "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            yield Problem(pointer, "must not have a NUL or half of a surrogate pair")
