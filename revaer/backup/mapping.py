"""Paths that are other ones on the node where a backup is restored. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from revaer.fsops.messages import relocate_ending, relocate_spec

_TEXTS: Final = {"torrents": {"options", "removing"}, "config_documents": {"body"}, "config_versions": {"body"}}
_JOBS: Final = "fsops_jobs"
_BYTES: Final = {_JOBS: {"source_root", "library_root"}, "fsops_volumes": {"root"}}
_MARK: Final = "\\x"


@dataclass(frozen=True, slots=True)
class PathMap:
    """What takes the place of the beginning of a path; the longest beginning wins.

    Attributes:
        pairs: old and new directory, both absolute.
    """

    pairs: tuple[tuple[PurePosixPath, PurePosixPath], ...] = ()

    def path(self, text: str) -> str:
        """Return a path as it is here; anything else is returned as it is."""
        if not text.startswith("/"):
            return text
        found = PurePosixPath(text)
        for old, new in sorted(self.pairs, key=lambda pair: -len(pair[0].parts)):
            if found.is_relative_to(old):
                return str(new / found.relative_to(old))
        return text

    def rows(self, table: str, lines: Sequence[bytes]) -> list[bytes]:
        """Return the rows of a table with its paths as they are here."""
        if not self.pairs or (table not in _TEXTS and table not in _BYTES):
            return list(lines)
        return [json.dumps(self._row(table, json.loads(line)), ensure_ascii=False).encode() for line in lines]

    def _row(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        texts, raw = _TEXTS.get(table, set()), _BYTES.get(table, set())
        mapped = {
            name: self._value(value) if name in texts else self._raw(value) if name in raw else value
            for name, value in row.items()
        }
        return self._job(mapped) if table == _JOBS else mapped

    def _job(self, row: dict[str, Any]) -> dict[str, Any]:
        """Map what a job keeps packed: the directory that its run takes the files from, and what it published."""
        packed = relocate_spec(_bytes(row["spec"]), self.path)
        outcome = row.get("outcome")
        return row | {
            "spec": _hexadecimal(packed.content),
            "spec_digest": packed.digest,
            "outcome": None if outcome is None else _hexadecimal(relocate_ending(_bytes(outcome), self.path)),
        }

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self.path(value)
            case list():
                return [self._value(item) for item in value]
            case dict():
                return {name: self._value(item) for name, item in value.items()}
            case _:
                return value

    def _raw(self, value: str | None) -> str | None:
        """Map a path that a column holds as bytes."""
        return None if value is None else _hexadecimal(os.fsencode(self.path(os.fsdecode(_bytes(value)))))


def _bytes(value: str) -> bytes:
    """Read bytes as the server writes them in JSON: hexadecimal digits behind a mark."""
    return bytes.fromhex(value.removeprefix(_MARK))


def _hexadecimal(value: bytes) -> str:
    return _MARK + value.hex()
