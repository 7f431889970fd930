"""Writes the describing packets of PAR2 sets: enough to verify by, without recovery data."""

import hashlib
import struct
from collections.abc import Mapping

MAGIC = b"PAR2\0PKT"


def par2(files: Mapping[str, bytes], *, without: str = "") -> bytes:
    """An index file for these contents by name; one may be left undescribed."""
    identities = {name: hashlib.md5(name.encode(errors="surrogateescape")).digest() for name in files}
    main = struct.pack("<QL", 4096, len(files)) + b"".join(sorted(identities.values()))
    set_id = hashlib.md5(main).digest()
    packets = [_packet(set_id, b"PAR 2.0\0Main\0\0\0\0", main)]
    for name, content in files.items():
        if name != without:
            raw = name.encode(errors="surrogateescape")
            body = identities[name] + hashlib.md5(content).digest() + hashlib.md5(content[:16384]).digest()
            body += struct.pack("<Q", len(content)) + raw + b"\0" * (-len(raw) % 4)
            packets.append(_packet(set_id, b"PAR 2.0\0FileDesc", body))
    packets.append(_packet(set_id, b"PAR 2.0\0RecvSlic", b"\0" * 4100))
    return b"".join(packets)


def _packet(set_id: bytes, kind: bytes, body: bytes) -> bytes:
    digest = hashlib.md5(set_id + kind + body).digest()
    return MAGIC + struct.pack("<Q", 64 + len(body)) + digest + set_id + kind + body
