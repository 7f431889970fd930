"""What the demonstration's payload looks like: a release as it is found, by size. Pure."""

from __future__ import annotations

from dataclasses import dataclass

RELEASE = "Placeholder.Picture.2020.1080p.WEB.H264-REVAER"
"""The folder's name, made like a release's; no film of that title exists."""

SMALLEST = 4 * 1024 * 1024
"""Bytes below which there would be nothing to see."""

_PROOF = 310_507
_SUBTITLES = {"en": 96_211, "de": 101_377}
_NFO = 4_093
_SAMPLE_SHARE = 24
_PIECES = 512
_SMALLEST_PIECE = 16 * 1024
_LARGEST_PIECE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file: its path below the release's folder, its bytes, and whether `skip_fluff` leaves it in."""

    path: str
    size: int
    wanted: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The files in the order of the payload, and the piece length in bytes."""

    files: tuple[PlannedFile, ...]
    piece_length: int

    @property
    def size(self) -> int:
        """Every byte."""
        return sum(file.size for file in self.files)

    @property
    def wanted(self) -> tuple[PlannedFile, ...]:
        """The files that shall arrive."""
        return tuple(file for file in self.files if file.wanted)

    @property
    def unwanted(self) -> tuple[PlannedFile, ...]:
        """The files that shall not even be begun."""
        return tuple(file for file in self.files if not file.wanted)

    @property
    def wanted_bytes(self) -> int:
        """Bytes of the wanted files."""
        return sum(file.size for file in self.wanted)


def plan_release(size: int) -> Plan:
    """Lay out a release of about `size` bytes.

    The unwanted files come first and fill whole pieces, so that not one byte of theirs is needed to check the others.

    Raises:
        ValueError: smaller than `SMALLEST`.
    """
    if size < SMALLEST:
        raise ValueError(f"the smallest demonstration has {SMALLEST // 1024**2} MiB")
    piece_length = _SMALLEST_PIECE
    while piece_length * _PIECES < size and piece_length < _LARGEST_PIECE:
        piece_length *= 2
    unwanted = -(-(size // _SAMPLE_SHARE + _PROOF) // piece_length) * piece_length
    rest = size - unwanted - _NFO - sum(_SUBTITLES.values())
    files = (
        PlannedFile(f"Proof/{RELEASE.lower()}-proof.jpg", _PROOF, wanted=False),
        PlannedFile(f"Sample/{RELEASE.lower()}-sample.mkv", unwanted - _PROOF, wanted=False),
        PlannedFile(f"{RELEASE}.mkv", rest, wanted=True),
        PlannedFile(f"{RELEASE}.nfo", _NFO, wanted=True),
        *(PlannedFile(f"Subs/{RELEASE}.{code}.srt", count, wanted=True) for code, count in _SUBTITLES.items()),
    )
    return Plan(files, piece_length)
