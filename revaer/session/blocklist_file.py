"""The last good blocklist on disk: ready to use, so that a start need not read or fetch anything."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revaer.files import write_atomically
from revaer.session.address_ranges import AddressRanges

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class KeptList:
    """A list that was good when it was fetched.

    Attributes:
        url: where it is from.
        fetched_at: when it was last found to be the newest, Unix seconds.
        etag: what its server calls this version; empty when it says nothing.
        modified: when its server says that it changed, in its own words; likewise.
        ranges: what it blocks.
    """

    url: str
    fetched_at: float
    etag: str
    modified: str
    ranges: AddressRanges


class BlocklistFile:
    """Where the list is kept. Every call blocks.

    Args:
        path: the file; its directory must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> KeptList | None:
        """Return what is kept; None when there is nothing, or nothing that can be used."""
        try:
            head, _, body = self._path.read_bytes().partition(b"\n")
            about = json.loads(head)
            if about["format"] != _FORMAT or about["sha256"] != hashlib.sha256(body).hexdigest():
                return None
            v6 = tuple((int(first, 16), int(last, 16)) for first, last in about["v6"])
            ranges = AddressRanges.unpacked(body, v6)
            return KeptList(about["url"], float(about["fetched_at"]), about["etag"], about["modified"], ranges)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, kept: KeptList) -> None:
        """Keep a list. Raises OSError when the disk refuses; the one before it stays."""
        body, v6 = kept.ranges.packed()
        about = {
            "format": _FORMAT,
            "url": kept.url,
            "fetched_at": kept.fetched_at,
            "etag": kept.etag,
            "modified": kept.modified,
            "sha256": hashlib.sha256(body).hexdigest(),
            "v6": [[f"{first:x}", f"{last:x}"] for first, last in v6],
        }
        write_atomically(self._path, json.dumps(about).encode() + b"\n" + body)

    def remove(self) -> None:
        """Keep nothing. Raises OSError."""
        self._path.unlink(missing_ok=True)
