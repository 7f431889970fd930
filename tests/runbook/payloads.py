"""The torrents of the runbook: one with an archive, for post-processing, and plain ones of any size."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.payloads import MIB, Torrent, torrent_of
from tests.support.torrents import payload

INSIDE: Mapping[str, bytes] = {"film/film.mkv": payload(8 * MIB, seed=1), "film/film.srt": b"words\n" * 1000}
BESIDE: Mapping[str, bytes] = {"about.nfo": b"about it\n" * 100}
SAMPLE: Mapping[str, bytes] = {"Sample/sample.mkv": payload(MIB, seed=2)}


def make_film(root: Path) -> Torrent:
    """A release as they come: an archive, a text beside it, and a sample that nobody wants."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in INSIDE.items():
            archive.writestr(name, content)
    return torrent_of(
        {"film.zip": packed.getvalue(), **BESIDE, **SAMPLE}, name="Film", root=root, piece_length=64 * 1024
    )


def film_entry() -> dict[str, str]:
    """What the library must have of it: digest by path."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in {**INSIDE, **BESIDE}.items()}


def digests(root: Path) -> dict[str, str]:
    """Hash every file below a directory: digest by path."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                found[str(path.relative_to(root))] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found
