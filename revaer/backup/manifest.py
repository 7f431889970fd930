"""The last member of a backup: what it holds, from which version, with the digest of everything before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revaer.backup.errors import BrokenBackup

NAME: Final = "manifest.json"
FORMAT: Final = 1
"""Grows when an older version could not restore the file."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Whole = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Member(_Part):
    """A file of the backup: its size in bytes and its SHA-256."""

    bytes: _Whole
    sha256: _Digest


class Table(_Part):
    """A table: its columns when it was read, and how many rows it had."""

    columns: tuple[str, ...]
    rows: _Whole


class Manifest(_Part):
    """What a backup holds.

    Attributes:
        format: version of the form of the file.
        version: of the daemon that made it.
        made_at: RFC 3339, UTC.
        schema_files: checksums of the applied migrations by name.
        tables: by name.
        sequences: last value of each sequence of the database.
        epoch: how often the node had been started.
        members: everything in the file but this, by name.
    """

    format: Annotated[int, Field(ge=1)]
    product: Literal["revaer"]
    version: str
    made_at: str
    schema_files: Mapping[str, _Digest]
    tables: Mapping[str, Table]
    sequences: Mapping[str, int]
    epoch: _Whole
    members: Mapping[str, Member]

    def count(self, table: str) -> int:
        """How many rows of a table there are; 0 without the table."""
        return self.tables[table].rows if table in self.tables else 0


def parse(content: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BrokenBackup: it is none.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "/".join(map(str, first["loc"]))
        raise BrokenBackup(f"its manifest cannot be read: {place}: {first['msg']}") from error
