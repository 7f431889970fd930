"""How the files of multi-volume archives are named, and which belong together: pure rules on names."""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_MAX_MISSING_SHOWN: Final = 20


class Naming(enum.Enum):
    """How the volumes of an archive are named."""

    SINGLE = enum.auto()
    PARTS = enum.auto()  # name.part01.rar, name.part02.rar
    LETTERS = enum.auto()  # name.rar, name.r00, ... name.r99, name.s00
    NUMBERS = enum.auto()  # name.7z.001, name.7z.002
    SPANNED = enum.auto()  # name.z01, name.z02, name.zip


@dataclass(frozen=True, slots=True)
class Group:
    """Files whose names say that they are an archive together.

    Attributes:
        naming: How they are named.
        stem: The path without what makes it a volume of an archive.
        volumes: Paths in the order of their content.
        missing: Paths that the numbering lacks.
        sure: Whether the name says that this is an archive; otherwise only the content can.
    """

    naming: Naming
    stem: str
    volumes: tuple[str, ...]
    missing: tuple[str, ...]
    sure: bool

    @property
    def first(self) -> str:
        """The path that the archive is known by."""
        return self.volumes[-1] if self.naming is Naming.SPANNED else self.volumes[0]


_ENDING: Final = r"zip|rar|7z|tar|t(?:ar\.)?(?:gz|bz2|xz|zst)|tar\.zstd|taz|tbz|tb2|txz|tz2"
_PARTS: Final = re.compile(r"(?P<stem>.+)\.part(?P<number>[0-9]{1,5})\.rar", re.IGNORECASE | re.DOTALL)
_LETTERS: Final = re.compile(r"(?P<stem>.+)\.(?P<letter>[r-z])(?P<number>[0-9]{2})", re.IGNORECASE | re.DOTALL)
_NUMBERS: Final = re.compile(r"(?P<stem>.+)\.(?P<number>[0-9]{3,5})", re.IGNORECASE | re.DOTALL)
_SINGLE: Final = re.compile(rf"(?P<stem>.+)\.(?:{_ENDING})", re.IGNORECASE | re.DOTALL)
_MAYBE: Final = re.compile(r"(?P<stem>.+)\.(?:gz|bz2|xz|zst)", re.IGNORECASE | re.DOTALL)

_Numbered = dict[int, str]


def group(paths: Iterable[str]) -> tuple[Group, ...]:
    """Find the archives among files by their names alone, sorted by path."""
    parts: dict[str, _Numbered] = defaultdict(dict)
    letters: dict[str, _Numbered] = defaultdict(dict)
    spans: dict[str, _Numbered] = defaultdict(dict)
    numbers: dict[str, _Numbered] = defaultdict(dict)
    singles: list[str] = []
    for path in sorted(paths):
        folder, slash, name = path.rpartition("/")
        if match := _PARTS.fullmatch(name):
            parts[folder + slash + match["stem"].lower()][int(match["number"])] = path
        elif match := _LETTERS.fullmatch(name):
            _take_letter(match, folder + slash, path, letters, spans)
        elif match := _NUMBERS.fullmatch(name):
            numbers[folder + slash + match["stem"].lower()][int(match["number"])] = path
        elif _SINGLE.fullmatch(name) or _MAYBE.fullmatch(name):
            singles.append(path)
    groups = [_single(path, letters, spans) for path in singles]
    groups += [_numbered(Naming.PARTS, found) for found in parts.values()]
    groups += [_numbered(Naming.NUMBERS, found) for found in numbers.values()]
    groups += [_headless(found) for found in letters.values() if 0 in found]
    return tuple(sorted(groups, key=lambda found: found.first))


def volume_after(path: str, naming: Naming) -> str:
    """Return the name that the volume after this one has, as far as the naming tells."""
    if naming is Naming.LETTERS and not path.lower().endswith(".rar"):
        return f"{path[:-3]}{_letter((ord(path[-3].lower()) - ord('r')) * 100 + int(path[-2:]) + 1)}"
    match = re.search(r"([0-9]+)(\.[A-Za-z0-9]{3})?$", path)
    if naming in {Naming.PARTS, Naming.NUMBERS} and match is not None:
        number = f"{int(match[1]) + 1:0{len(match[1])}}"
        return f"{path[: match.start(1)]}{number}{path[match.end(1) :]}"
    return f"{path[:-4]}.r00" if naming is Naming.LETTERS else f"the volume after {path}"


def _take_letter(
    match: re.Match[str], folder: str, path: str, letters: dict[str, _Numbered], spans: dict[str, _Numbered]
) -> None:
    key = folder + match["stem"].lower()
    number = int(match["number"])
    if match["letter"].lower() == "z":
        spans[key][number] = path
    else:
        letters[key][(ord(match["letter"].lower()) - ord("r")) * 100 + number] = path


def _single(path: str, letters: dict[str, _Numbered], spans: dict[str, _Numbered]) -> Group:
    """The group of a file with an archive's ending: alone, or the head of a set."""
    folder, slash, name = path.rpartition("/")
    match = _SINGLE.fullmatch(name)
    sure = match is not None
    match = match or _MAYBE.fullmatch(name)
    stem = folder + slash + (match["stem"] if match else name)
    key = folder + slash + (match["stem"] if match else name).lower()
    ending = name[-4:].lower()
    if ending == ".rar" and key in letters:
        found = letters.pop(key)
        volumes = (path, *(found[number] for number in sorted(found)))
        base = path[:-4]
        missing = _limited(f"{base}.{_letter(number)}" for number in range(max(found) + 1) if number not in found)
        return Group(Naming.LETTERS, stem, volumes, missing, sure=True)
    if ending == ".zip" and key in spans:
        found = spans.pop(key)
        volumes = (*(found[number] for number in sorted(found)), path)
        base = path[:-4]
        missing = _limited(f"{base}.z{number:02}" for number in range(1, max(found) + 1) if number not in found)
        return Group(Naming.SPANNED, stem, volumes, missing, sure=True)
    return Group(Naming.SINGLE, stem, (path,), (), sure=sure)


def _headless(found: _Numbered) -> Group:
    """A set of `.r00` and so on without its `.rar`."""
    volumes = tuple(found[number] for number in sorted(found))
    stem = volumes[0][:-4]
    gaps = (f"{stem}.{_letter(number)}" for number in range(max(found) + 1) if number not in found)
    return Group(Naming.LETTERS, stem, volumes, _limited([f"{stem}.rar", *gaps]), sure=False)


def _numbered(naming: Naming, found: _Numbered) -> Group:
    ordered = sorted(found)
    volumes = tuple(found[number] for number in ordered)
    sample = volumes[0]
    match = re.search(r"([0-9]+)(\.[A-Za-z]{3})?$", sample)
    assert match is not None, "the name was recognised by its number"
    width = len(match[1])
    tail = sample[match.end(1) :]
    head = sample[: match.start(1)]
    missing = _limited(f"{head}{number:0{width}}{tail}" for number in range(1, ordered[-1]) if number not in found)
    if naming is Naming.PARTS:
        return Group(naming, head[: -len(".part")], volumes, missing, sure=True)
    inner = _SINGLE.fullmatch(head[:-1].rpartition("/")[2])
    folder, slash, _ = head.rpartition("/")
    stem = folder + slash + inner["stem"] if inner else head[:-1]
    return Group(naming, stem, volumes, missing, sure=inner is not None)


def _letter(number: int) -> str:
    return f"{chr(ord('r') + number // 100)}{number % 100:02}"


def _limited(names: Iterable[str]) -> tuple[str, ...]:
    """The first names of what may be a hundred thousand, when a number in a name is absurd."""
    limited = []
    for name in names:
        limited.append(name)
        if len(limited) == _MAX_MISSING_SHOWN:
            break
    return tuple(limited)
