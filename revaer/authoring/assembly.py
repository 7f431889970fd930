"""Writing the metainfo: the dictionaries of version 1, version 2 (BEP 52) and hybrids of both. Pure.

What the same recipe makes of the same files is the same to the byte: nothing here depends on time, place or order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from revaer.authoring.messages import Format, Recipe
from revaer.authoring.pieces import piece_count
from revaer.authoring.survey import FoundFile, Survey
from revaer.bencode import encode

_SHA1_BYTES: Final = 20
_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Hashes:
    """What was found over the files.

    Attributes:
        pieces: SHA-1 of each piece, end to end; empty for a torrent of version 2 only.
        roots: for version 2 the root of each file; empty for one without contents.
        layers: by root, the roots of the pieces of each file of more than one; None leaves them out.
    """

    pieces: bytes
    roots: tuple[bytes, ...]
    layers: dict[bytes, bytes] | None


def assemble(recipe: Recipe, found: Survey, piece_length: int, hashes: Hashes) -> bytes:
    """Return the metainfo."""
    document: dict[str, Any] = {"info": _info(recipe, found, piece_length, hashes)}
    if recipe.trackers:
        document["announce"] = recipe.trackers[0]
    if len(recipe.trackers) > 1:
        document["announce-list"] = [[tracker] for tracker in recipe.trackers]
    if recipe.web_seeds:
        document["url-list"] = list(recipe.web_seeds)
    if recipe.comment is not None:
        document["comment"] = recipe.comment
    if recipe.created_at is not None:
        document["creation date"] = recipe.created_at
    if recipe.format.has_v2 and hashes.layers is not None:
        document["piece layers"] = hashes.layers
    return encode(document)


def blank(recipe: Recipe, found: Survey, piece_length: int) -> bytes:
    """Return the metainfo with zeros for hashes and without layers: the rest can be judged before any is hashed."""
    count = count_pieces(recipe.format, found, piece_length) if recipe.format.has_v1 else 0
    roots = tuple(bytes(_SHA256_BYTES if file.size else 0) for file in found.files)
    return assemble(recipe, found, piece_length, Hashes(bytes(_SHA1_BYTES * count), roots, None))


def piece_bytes(recipe: Recipe, found: Survey, piece_length: int) -> int:
    """Return how many bytes the hashes of version 1 will have."""
    return _SHA1_BYTES * count_pieces(recipe.format, found, piece_length) if recipe.format.has_v1 else 0


def layer_bytes(recipe: Recipe, found: Survey, piece_length: int) -> int:
    """Return about how many bytes the piece layers, which `blank` leaves out, will have."""
    if not recipe.format.has_v2:
        return 0
    counts = (piece_count(file.size, piece_length) for file in found.files if file.size > piece_length)
    return sum(_SHA256_BYTES * (count + 2) for count in counts)


def count_pieces(format_: Format, found: Survey, piece_length: int) -> int:
    """Return how many pieces a torrent has."""
    if format_ is Format.V1:
        return piece_count(found.size, piece_length)
    return sum(piece_count(file.size, piece_length) for file in found.files)


def _info(recipe: Recipe, found: Survey, piece_length: int, hashes: Hashes) -> dict[str, Any]:
    info: dict[str, Any] = {"name": found.name, "piece length": piece_length}
    if recipe.private:
        info["private"] = 1
    if recipe.source is not None:
        info["source"] = recipe.source
    if recipe.format.has_v1:
        info["pieces"] = hashes.pieces
        if found.is_directory:
            padded = piece_length if recipe.format is Format.HYBRID else None
            info["files"] = _file_list(found.files, padded)
        else:
            info["length"] = found.files[0].size
    if recipe.format.has_v2:
        info["meta version"] = 2
        info["file tree"] = _file_tree(found.files, hashes.roots)
    return info


def _file_list(files: Sequence[FoundFile], padded: int | None) -> list[dict[str, Any]]:
    """Return the files of version 1; where they are `padded` to pieces, with what lies between them."""
    listed: list[dict[str, Any]] = []
    for index, file in enumerate(files):
        listed.append({"length": file.size, "path": file.path.split("/")})
        gap = -file.size % padded if padded is not None and index < len(files) - 1 else 0
        if gap:
            listed.append({"attr": "p", "length": gap, "path": [".pad", str(gap)]})
    return listed


def _file_tree(files: Sequence[FoundFile], roots: Sequence[bytes]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for file, root in zip(files, roots, strict=True):
        *above, name = file.path.split("/")
        node = tree
        for element in above:
            node = node.setdefault(element, {})
        leaf: dict[str, Any] = {"length": file.size}
        if root:
            leaf["pieces root"] = root
        node[name] = {"": leaf}
    return tree
