"""Writes small zip and tar archives, sane and insane."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def zipped(
    files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, modes: Mapping[str, int] | None = None
) -> bytes:
    """A zip file; modes are Unix modes by name."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6))
            info.compress_type = method
            info.create_system = 3
            info.external_attr = (modes or {}).get(name, 0o100644) << 16
            archive.writestr(info, content)
    return target.getvalue()


@dataclass(frozen=True)
class RawMember:
    """A member of a zip file as the directory has it, pointing at any place."""

    name: bytes
    offset: int
    size: int
    crc: int = 0
    system: int = 3
    flags: int = 0
    packed: int | None = None


def local_header(name: bytes, content: bytes, *, flags: int = 0, method: int = 0) -> bytes:
    """A stored member's own header."""
    crc = zlib.crc32(content)
    return (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, method, 0, 0x5021, crc, len(content), len(content), len(name), 0)
        + name
    )


def raw_zip(body: bytes, members: Sequence[RawMember], *, method: int = 0) -> bytes:
    """A zip file with a directory that may lie."""
    directory = b""
    for member in members:
        packed = member.size if member.packed is None else member.packed
        directory += struct.pack(
            "<4s4B4H3L5H2L", b"PK\1\2", 20, member.system, 20, 0, member.flags, method, 0, 0x5021, member.crc, packed,
            member.size, len(member.name), 0, 0, 0, 0, 0o100644 << 16 if member.system == 3 else 0, member.offset,
        ) + member.name  # fmt: skip
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + end


def stored_zip(name: bytes, content: bytes, *, system: int = 3, flags: int = 0) -> bytes:
    """A zip file with one stored member under a raw name."""
    body = local_header(name, content, flags=flags) + content
    return raw_zip(body, [RawMember(name, 0, len(content), zlib.crc32(content), system, flags)])


def tarred(members: Sequence[tuple[tarfile.TarInfo, bytes]], mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar file, compressed as the mode says."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def tar_file(name: str, content: bytes = b"content", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    """A regular member."""
    info = tarfile.TarInfo(name)
    info.mode = mode
    info.mtime = 1_600_000_000
    return info, content


def tar_special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A member of another kind: a link, a directory, a device."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    info.mode = 0o755
    return info, b""


def plain_tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar file of regular members."""
    return tarred([tar_file(name, content) for name, content in files.items()], mode)
