"""Case and Unicode form do not count: both sides of a comparison are folded first."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Return the form in which texts that differ only in case or in Unicode composition are equal.

    This is canonical caseless matching (Unicode, definition D145), in composed form. `ß` becomes `ss`.
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", decomposed.casefold())


def cases(folded: str) -> tuple[str, ...]:
    """Return the letters that stand for one folded character: itself, upper case and title case."""
    return (folded, folded.upper(), folded.title())
